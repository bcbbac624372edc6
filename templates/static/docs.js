// The API's documentation: Swagger UI for our OpenAPI description.
const place = document.getElementById("swagger-ui");

SwaggerUIBundle({
  url: place.dataset.openapi,
  domNode: place,
  validatorUrl: null,
});

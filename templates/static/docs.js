// The API's documentation: Swagger UI over our own OpenAPI.
const place = document.getElementById("swagger-ui");

SwaggerUIBundle({
  url: place.dataset.openapi,
  domNode: place,
  validatorUrl: null,
});

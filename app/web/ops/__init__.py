"""Operations: health, readiness and metrics, for machines."""

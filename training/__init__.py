"""Events in, model bundle out."""

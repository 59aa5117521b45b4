"""The boundary between the frontend and the frameworks."""

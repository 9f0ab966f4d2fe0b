"""Views: each reads the session and writes the recipe."""

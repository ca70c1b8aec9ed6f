"""An audit as text, as JSON and as a page with figures."""

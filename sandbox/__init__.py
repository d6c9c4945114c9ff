"""What runs beside untrusted code. Imports nothing of the platform."""

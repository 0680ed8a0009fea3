"""The ASGI app in front of Flask: what every request passes, inference, event streams and waits."""

"""The ASGI app in front of Flask: general HTTP rules for all requests, inference, event streams and waits."""

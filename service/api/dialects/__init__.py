"""The protocols of other servers, TensorFlow Serving's REST API and the Open Inference Protocol v2, over the same
predictions as Fitserve's own routes. docs/protocols.md says where they differ from the originals."""

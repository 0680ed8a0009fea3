"use strict";

// Relative to this script: a reverse proxy may have put a prefix before both.
const description = new URL("../openapi.json", document.currentScript.src);

SwaggerUIBundle({
  url: description.pathname,
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
});

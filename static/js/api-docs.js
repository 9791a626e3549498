"use strict";

// Swagger UI on the schema of this server; a call that is tried out goes as the user logged in.
const page = document.getElementById("api-docs");

window.SwaggerUIBundle({
  url: page.dataset.schema,
  domNode: page,
  deepLinking: true,
  validatorUrl: null,
  requestInterceptor(request) {
    if (new URL(request.url, window.location.href).origin === window.location.origin) {
      request.headers["X-CSRFToken"] = page.dataset.csrf;
    }
    return request;
  },
});

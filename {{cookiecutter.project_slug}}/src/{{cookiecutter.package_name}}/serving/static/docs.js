// Shows the OpenAPI document; the page itself holds no script, as its content security policy asks.
SwaggerUIBundle({ url: document.getElementById("swagger-ui").dataset.url, dom_id: "#swagger-ui", deepLinking: true });

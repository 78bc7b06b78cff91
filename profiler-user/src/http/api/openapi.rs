//! The description of the API in OpenAPI 3.1, made of the list of routes and the table of parameters.
//!
//! It is served, and kept in `docs/openapi.json` for whoever wants it without a service; a test holds that both are the
//! same. `FIRETOWER_REWRITE=1 cargo test -p firetower --lib openapi` writes the file anew. It must not know what a route
//! does.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Value, json};
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::path::{
    OperationBuilder, ParameterBuilder, ParameterIn, ParameterStyle, PathItem, PathsBuilder,
};
use utoipa::openapi::schema::{ComponentsBuilder, Schema};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ContentBuilder, HttpMethod, InfoBuilder, OpenApiBuilder, Ref, RefOr, Required, Response, ResponseBuilder,
    ResponsesBuilder,
};
use utoipa::{PartialSchema as _, ToSchema as _};

use super::answer::JSON;
use super::parameters::{self, Parameter};
use super::routes::{Route, routes};
use crate::http::wire;

/// The name of the way in which a token is shown.
const BEARER: &str = "token";

/// The description as JSON, with a line end.
pub(super) fn text() -> String {
    static TEXT: LazyLock<String> = LazyLock::new(make);
    TEXT.clone()
}

/// A schema from JSON that this program has written itself.
pub(super) fn schema(value: Value) -> RefOr<Schema> {
    serde_json::from_value(value).expect("JSON Schema")
}

fn make() -> String {
    let mut components = ComponentsBuilder::new()
        .security_scheme(
            BEARER,
            SecurityScheme::Http(
                HttpBuilder::new()
                    .scheme(HttpAuthScheme::Bearer)
                    .description(Some("Where the service was started with a token."))
                    .build(),
            ),
        )
        .schema(wire::Error::name(), wire::Error::schema());
    let mut named: BTreeMap<String, RefOr<Schema>> = BTreeMap::new();
    let mut paths = PathsBuilder::new();
    for route in routes() {
        paths = paths.path(route.path, PathItem::new(HttpMethod::Get, operation(&route)));
        named.extend(route.contents.into_iter().flat_map(|content| content.named));
    }
    for (name, schema) in named {
        components = components.schema(name, schema);
    }
    let about = "A continuous profiler for Python. Times are Unix seconds unless a name says otherwise; fields and \
                 parameters are only ever added.";
    let document = OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("firetower")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(about))
                .license(Some(utoipa::openapi::License::new(env!("CARGO_PKG_LICENSE"))))
                .build(),
        )
        .paths(paths)
        .components(Some(components.build()))
        .security(Some([SecurityRequirement::default(), SecurityRequirement::new(BEARER, [] as [&str; 0])]))
        .build();
    let mut text = document.to_pretty_json().expect("a description of strings and numbers is JSON");
    text.push('\n');
    text
}

fn operation(route: &Route) -> OperationBuilder {
    let mut operation = OperationBuilder::new()
        .operation_id(Some(route.id))
        .summary(Some(route.about))
        .responses(responses(route));
    if route.path.contains("{name}") {
        operation = operation.parameter(
            ParameterBuilder::new()
                .name("name")
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .description(Some("The name of a label."))
                .schema(Some(schema(json!({"type": "string", "pattern": parameters::label_pattern()})))),
        );
    }
    for parameter in route.takes {
        operation = operation.parameter(described(parameter));
    }
    operation
}

fn described(parameter: &Parameter) -> ParameterBuilder {
    let about = format!("{} Allowed: {}.", parameter.about, parameter.allowed());
    let builder = ParameterBuilder::new()
        .name(parameter.name)
        .parameter_in(ParameterIn::Query)
        .required(if parameter.is_required() { Required::True } else { Required::False })
        .description(Some(about))
        .schema(Some(schema(parameter.schema())));
    match parameter.is_list() {
        // Repeated ones are taken too; there is no way to say both.
        true => builder.style(Some(ParameterStyle::Form)).explode(Some(false)),
        false => builder,
    }
}

fn responses(route: &Route) -> ResponsesBuilder {
    let mut fine = ResponseBuilder::new().description("The answer.");
    for content in &route.contents {
        fine = fine
            .content(content.media_type, ContentBuilder::new().schema(Some(content.schema.clone())).build());
    }
    if route.kept {
        fine = fine
            .header("ETag", header("Names the content, if the range is over for good."))
            .header("Cache-Control", header("`no-store`, unless the range is over for good."));
    }
    let mut responses = ResponsesBuilder::new().response("200", fine);
    if route.kept {
        let known = ResponseBuilder::new()
            .description("The asker has it: If-None-Match names its content.")
            .header("ETag", header("As it was asked for."));
        responses = responses.response("304", known);
    }
    let mut refused = vec![
        (
            "400",
            "A parameter is not known or not possible, or there would be too much; the hint says what is allowed.",
        ),
        ("401", "A token must be shown, and was not or is wrong."),
        ("403", "The request comes from a page of another origin."),
        ("406", "The request's Accept does not name what the answer is."),
        ("414", "The address is too long."),
        ("421", "The request names a host that is not answered for."),
        ("429", "The client asks too often."),
        ("500", "Something failed inside the service; its log says more."),
        ("503", "Too much is asked at once, it took too long, or the service is not ready."),
    ];
    if route.empty {
        refused.push(("404", "There are no samples of what was asked for."));
    }
    for (status, about) in route.refusals {
        refused.retain(|(known, _)| known != status);
        refused.push((*status, *about));
    }
    if route.path.contains("{name}") {
        refused.push(("404", "No label can have this name."));
    }
    for (status, about) in refused {
        responses = responses.response(status, problem(status, about));
    }
    responses
}

fn problem(status: &str, about: &str) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(wire::Error::name()))).build();
    let response = ResponseBuilder::new().description(about).content(JSON, content);
    match status {
        "429" | "503" => {
            response.header("Retry-After", header("Seconds after which to try again, if that may help."))
        }
        "401" => response.header("WWW-Authenticate", header("How to show a token.")),
        _ => response,
    }
    .build()
}

fn header(about: &str) -> Header {
    HeaderBuilder::new().schema(Some(schema(json!({"type": "string"})))).description(Some(about)).build()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_file_is_what_is_served() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
        if std::env::var_os("FIRETOWER_REWRITE").is_some() {
            std::fs::write(&path, text()).expect("the checkout can be written");
        }
        let file = std::fs::read_to_string(&path).expect("docs/openapi.json");
        assert!(
            file == text(),
            "docs/openapi.json is not what is served: FIRETOWER_REWRITE=1 cargo test -p firetower --lib openapi"
        );
    }

    #[test]
    fn everything_is_described_and_every_reference_leads_somewhere() {
        let document: Value = serde_json::from_str(&text()).unwrap();
        assert_eq!(document["openapi"], "3.1.0");
        for route in routes() {
            let operation = &document["paths"][route.path]["get"];
            let described: Vec<&str> = operation["parameters"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|parameter| parameter["in"] == "query")
                .map(|parameter| {
                    assert!(parameter["description"].as_str().is_some_and(|text| text.contains("Allowed: ")));
                    assert!(parameter["schema"].is_object());
                    parameter["name"].as_str().unwrap()
                })
                .collect();
            let takes: Vec<&str> = route.takes.iter().map(|parameter| parameter.name).collect();
            assert_eq!(described, takes, "{}", route.path);
            for status in ["200", "400", "401", "406", "429", "503"] {
                assert!(operation["responses"][status]["description"].is_string(), "{} {status}", route.path);
            }
        }
        let text = text();
        for reference in text.split("\"#/components/schemas/").skip(1) {
            let name = reference.split('"').next().unwrap();
            assert!(document["components"]["schemas"][name].is_object(), "{name}");
        }
    }
}

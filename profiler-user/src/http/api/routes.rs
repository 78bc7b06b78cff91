//! Every route of the API, once: the router and the description are made of this list. It must not know what a route does.

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::{MethodRouter, get};
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use super::answer::{Answer, JSON, check_accepted};
use super::given::Given;
use super::parameters::Parameter;
use super::picture::Changes;
use super::processes::{Processes, ServiceStatus};
use super::tables::{LabelNames, Series, TopFunctions, Values};
use super::tree::ProfileTree;
use super::{
    Pairs, chart, debug, decoded, diff, formats, heatmap, live, openapi, processes, profile, source, tables,
};
use crate::http::App;
use crate::http::error::HttpError;
use crate::http::pages;
use crate::http::wire::Status;
use crate::render::Format;

/// One route. All are asked by GET.
pub(in crate::http) struct Route {
    pub(in crate::http) path: &'static str,
    /// Its name for generated clients.
    pub(super) id: &'static str,
    pub(super) about: &'static str,
    pub(super) takes: &'static [&'static Parameter],
    pub(super) contents: Vec<Content>,
    /// It can be about what is over for good, and then may be kept.
    pub(super) kept: bool,
    /// There may be nothing: 404.
    pub(super) empty: bool,
    /// Statuses that it has besides, or for more than others do, and when.
    pub(super) refusals: &'static [(&'static str, &'static str)],
    handler: fn() -> MethodRouter<App>,
}

/// What a route answers.
pub(super) struct Content {
    pub(super) media_type: &'static str,
    pub(super) schema: RefOr<Schema>,
    /// Named schemas that `schema` refers to.
    pub(super) named: Vec<(String, RefOr<Schema>)>,
}

impl Content {
    fn json<T: ToSchema + PartialSchema>() -> Content {
        Content::of::<T>(JSON)
    }

    fn of<T: ToSchema + PartialSchema>(media_type: &'static str) -> Content {
        let mut named = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut named);
        Content { media_type, schema: Ref::from_schema_name(T::name()).into(), named }
    }

    /// A profile as JSON: the API's own, or one of the formats of other programs, which are told apart by what they have.
    fn profile() -> Content {
        let own = Content::json::<ProfileTree>();
        let other = |about: &str, has: &[&str]| serde_json::json!({"type": "object", "description": about, "required": has});
        let schema = openapi::schema(serde_json::json!({"anyOf": [
            own.schema,
            other("The format of speedscope.", &["$schema", "profiles", "shared"]),
            other("The format of the Firefox profiler.", &["meta", "threads"]),
        ]}));
        Content { schema, ..own }
    }

    fn text(media_type: &'static str) -> Content {
        let media_type = media_type.split(';').next().unwrap_or(media_type);
        Content {
            media_type,
            schema: openapi::schema(serde_json::json!({"type": "string"})),
            named: Vec::new(),
        }
    }
}

/// The list.
pub(super) fn routes() -> Vec<Route> {
    let plain = |path, id, about, contents, handler| Route {
        path,
        id,
        about,
        takes: &[],
        contents,
        kept: false,
        empty: false,
        refusals: &[],
        handler,
    };
    let mut of_formats = vec![Content::profile()];
    of_formats.extend(formats::content_types().into_iter().filter(|kind| *kind != JSON).map(Content::text));
    vec![
        plain(
            "/api/v1/labels",
            "labels",
            "Names of labels: those that every series has, and those that processes in memory gave themselves.",
            vec![Content::json::<LabelNames>()],
            || get(tables::labels),
        ),
        Route {
            takes: &tables::VALUES_TAKE,
            kept: true,
            ..plain(
                "/api/v1/labels/{name}/values",
                "labelValues",
                "Values of a label in a range, by what was used under each.",
                vec![Content::json::<Values>()],
                || get(tables::values),
            )
        },
        Route {
            takes: &tables::SERIES_TAKES,
            kept: true,
            ..plain(
                "/api/v1/series",
                "series",
                "CPU time over time, apart by labels.",
                vec![Content::json::<Series>()],
                || get(tables::series),
            )
        },
        Route {
            takes: &profile::TAKES,
            kept: true,
            empty: true,
            ..plain(
                "/api/v1/profile",
                "profile",
                "A flame graph as a call tree, or a profile as a file.",
                of_formats,
                || get(profile::profile),
            )
        },
        Route {
            takes: &diff::TAKES,
            kept: true,
            ..plain(
                "/api/v1/diff",
                "diff",
                "What changed between two ranges, or two sets of series.",
                vec![Content::json::<diff::Difference>(), Content::text(Format::Html.content_type())],
                || get(diff::diff),
            )
        },
        Route {
            takes: &tables::TOP_TAKES,
            kept: true,
            ..plain(
                "/api/v1/top",
                "top",
                "The functions that use most.",
                vec![Content::json::<TopFunctions>()],
                || get(tables::top),
            )
        },
        plain(
            "/api/v1/processes",
            "processes",
            "The processes that are there, as a tree.",
            vec![Content::json::<Processes>()],
            || get(processes::processes),
        ),
        Route {
            takes: &heatmap::TAKES,
            kept: true,
            ..plain(
                "/api/v1/heatmap",
                "heatmap",
                "When within each second samples were taken.",
                vec![Content::json::<heatmap::Heat>()],
                || get(heatmap::heatmap),
            )
        },
        Route {
            takes: &chart::TAKES,
            kept: true,
            ..plain(
                "/api/v1/chart",
                "chart",
                "A flame chart: what a thread or process ran, slice of time by slice. Within a slice stacks are in the order \
                 of the nodes, which is by name: which came first is not known.",
                vec![Content::json::<chart::FlameChart>()],
                || get(chart::chart),
            )
        },
        Route {
            takes: &live::TAKES,
            ..plain(
                "/api/v1/live",
                "live",
                "Server-sent events: `profile` with a first picture, then `delta` with what changed since; both carry the \
                 schema Changes as JSON. `trouble` carries an error, after which it goes on.",
                vec![Content::of::<Changes>(live::EVENTS)],
                || get(live::live),
            )
        },
        Route {
            takes: &source::TAKES,
            refusals: &source::REFUSALS,
            ..plain(
                "/api/v1/source",
                "source",
                "The text of a source file, as the process sees it that runs it.",
                vec![Content::json::<source::SourceFile>()],
                || get(source::source),
            )
        },
        plain(
            "/api/v1/status",
            "status",
            "What the service is, what it has, and what may be asked of it.",
            vec![Content::json::<ServiceStatus>()],
            || get(processes::status),
        ),
        plain(
            "/api/v1/openapi.json",
            "openapi",
            "This description.",
            vec![Content {
                schema: openapi::schema(serde_json::json!({"type": "object"})),
                ..Content::text(JSON)
            }],
            || get(description),
        ),
        Route {
            takes: &profile::FILES_TAKE,
            kept: true,
            empty: true,
            ..plain(
                "/flamegraph.svg",
                "flamegraphSvg",
                "An interactive flame graph.",
                vec![Content::text("image/svg+xml")],
                || get(profile::svg),
            )
        },
        Route {
            takes: &profile::FILES_TAKE,
            kept: true,
            empty: true,
            ..plain(
                "/flamegraph.folded",
                "flamegraphFolded",
                "Folded stacks.",
                vec![Content::text("text/plain")],
                || get(profile::folded),
            )
        },
        plain("/healthz", "healthz", "Whether the process answers.", vec![Content::json::<Status>()], || {
            get(pages::healthz)
        }),
        plain(
            "/readyz",
            "readyz",
            "Whether samples are being taken.",
            vec![Content::json::<Status>()],
            || get(pages::readyz),
        ),
        plain(
            "/metrics",
            "metrics",
            "Metrics of the processes and of the service itself, for Prometheus.",
            vec![Content::text("text/plain")],
            || get(pages::metrics),
        ),
        Route {
            takes: &debug::TAKES,
            ..plain(
                "/debug/pprof/profile",
                "pprof",
                "The next seconds as pprof, as Go's own profiles are asked for.",
                vec![Content::text(Format::Pprof.content_type())],
                || get(debug::profile),
            )
        },
    ]
}

/// The paths of all routes.
pub(in crate::http) fn paths() -> Vec<&'static str> {
    routes().iter().map(|route| route.path).collect()
}

/// A router with every route of the API; those for health and metrics are not compressed and not of the API's.
pub(in crate::http) fn router() -> Router<App> {
    let routes =
        routes().into_iter().filter(|route| !["/healthz", "/readyz", "/metrics"].contains(&route.path));
    routes.fold(Router::new(), |router, route| router.route(route.path, (route.handler)()))
}

/// `GET /api/v1/openapi.json`.
async fn description(headers: HeaderMap, State(_): State<App>, pairs: Pairs) -> Result<Response, HttpError> {
    check_accepted(&headers, JSON)?;
    Given::read(&[], decoded(pairs)?)?;
    Ok(Answer::new(JSON, openapi::text().into_bytes(), false).respond(&headers, &[]))
}

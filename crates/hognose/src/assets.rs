//! Static files: from what the configuration says of them to what serves them.

use hognose_config as config;
use hognose_config::Plan;
use hognose_services::assets::{AssetsOptions, HtmlHandling, NotFoundHandling, WorkerFirst};

/// The compatibility flag by which browsers that go to a page are not answered by the Worker.
const NAVIGATION: &str = "assets_navigation_prefers_asset_serving";

/// What the configuration says, as it is served.
pub(crate) fn options(plan: &Plan, configured: &config::Assets) -> AssetsOptions {
    AssetsOptions {
        directory: configured.directory.clone(),
        html_handling: html_handling(configured.html_handling),
        not_found_handling: match configured.not_found_handling {
            config::NotFoundHandling::None => NotFoundHandling::None,
            config::NotFoundHandling::SinglePageApplication => NotFoundHandling::SinglePageApplication,
            config::NotFoundHandling::NotFoundPage => NotFoundHandling::NotFoundPage,
        },
        worker_first: match &configured.worker_first {
            config::WorkerFirst::All(all) => WorkerFirst::All(*all),
            config::WorkerFirst::Paths(paths) => WorkerFirst::Paths(paths.clone()),
        },
        has_worker: !plan.main.as_os_str().is_empty(),
        navigation_prefers_assets: plan.compatibility_flags.enabled(NAVIGATION),
    }
}

fn html_handling(configured: config::HtmlHandling) -> HtmlHandling {
    match configured {
        config::HtmlHandling::AutoTrailingSlash => HtmlHandling::AutoTrailingSlash,
        config::HtmlHandling::ForceTrailingSlash => HtmlHandling::ForceTrailingSlash,
        config::HtmlHandling::DropTrailingSlash => HtmlHandling::DropTrailingSlash,
        config::HtmlHandling::None => HtmlHandling::None,
    }
}

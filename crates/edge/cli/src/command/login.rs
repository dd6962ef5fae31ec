//! `quorate login`: a fresh link to the console.

use http::Method;

use super::scroll::string;
use crate::client::{Client, Without};
use crate::failure::Stop;
use crate::local::Settings;
use crate::out::Out;
use crate::uri::Uri;

pub(super) async fn run(settings: &Settings, out: Out) -> Result<(), Stop> {
    let mut client = Client::connect(settings, Without::Refuse).await?;
    let link = client
        .change(
            Method::POST,
            &Uri::path(&["login-link"]),
            None,
            "cannot make a login link",
        )
        .await?;
    out.answer(&link, |_| format!("{}\n", string(&link, "url")))?;
    out.aside("This link logs in once, within ten minutes.");
    Ok(())
}

//! Logging in with a one-time link, and out.
//!
//! Opening the link only shows a page with a button; the button's POST spends the code. A mail scanner or a
//! preview that follows links spends nothing. The cookie opens reading, never writing.

use askama::Template;
use axum::Extension;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;

use super::page::{Frame, refuse, render, see_other};
use crate::api::{ApiError, App, COOKIE, session_cookie};
use crate::auth::{Principal, SESSION_LIFETIME};

#[derive(Debug, Template)]
#[template(path = "login.html")]
struct Login {
    frame: Frame,
    code: Option<String>,
    /// A code was given and is not, or no longer, good.
    spent: bool,
}

/// The code in a query or form: lower-case hexadecimal digits, so that nothing is left to decode.
fn code(form: &str) -> Option<&str> {
    let code = form
        .split('&')
        .find_map(|pair| pair.strip_prefix("code="))?;
    let fits = (1..=128).contains(&code.len())
        && code.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    fits.then_some(code)
}

/// `GET /login?code=`: changes nothing.
pub(super) async fn ask(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    RawQuery(query): RawQuery,
) -> Response {
    let given = query.as_deref().is_some_and(|q| q.contains("code="));
    let code = query.as_deref().and_then(code).map(str::to_owned);
    let code = code.filter(|c| app.credentials().may_login(c));
    let frame = Frame::new(&app, &principal, "Log in");
    let spent = given && code.is_none();
    let status = if spent {
        StatusCode::FORBIDDEN
    } else {
        StatusCode::OK
    };
    render(status, &Login { frame, code, spent })
}

/// `POST /login`: spends the code and sets the cookie.
pub(super) async fn login(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    body: Bytes,
) -> Response {
    let code = std::str::from_utf8(&body).ok().and_then(code);
    match code.map(|c| app.credentials().login(c)) {
        Some(Ok(Some(session))) => {
            let cookie = format!(
                "{COOKIE}={session}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}",
                SESSION_LIFETIME.as_secs()
            );
            with_cookie(see_other("/"), &cookie)
        }
        Some(Err(error)) => refuse(&app, &principal, &ApiError::internal(error.to_string())),
        Some(Ok(None)) | None => {
            let frame = Frame::new(&app, &principal, "Log in");
            render(
                StatusCode::FORBIDDEN,
                &Login {
                    frame,
                    code: None,
                    spent: true,
                },
            )
        }
    }
}

/// `POST /logout`: the session ends, and the browser forgets its cookie.
pub(super) async fn logout(State(app): State<App>, headers: HeaderMap) -> Response {
    if let Some(cookie) = session_cookie(&headers) {
        app.credentials().logout(cookie);
    }
    with_cookie(
        see_other("/"),
        &format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0"),
    )
}

fn with_cookie(mut response: Response, cookie: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hexadecimal_digits_are_a_code() {
        assert_eq!(code("code=0af"), Some("0af"));
        assert_eq!(code("x=1&code=0af&y=2"), Some("0af"));
        for bad in [
            "",
            "code=",
            "code=0AF",
            "code=%30",
            "code=\"><script>",
            "c=0af",
            &format!("code={}", "a".repeat(129)),
        ] {
            assert_eq!(code(bad), None, "{bad}");
        }
    }
}

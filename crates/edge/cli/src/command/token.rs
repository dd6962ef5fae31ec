//! `quorate token …`: credentials of programs that write over HTTP.

use http::Method;
use serde_json::{Value, json};

use super::scroll::{array, string};
use crate::args::Token;
use crate::client::{Client, Without};
use crate::failure::Stop;
use crate::local::Settings;
use crate::out::Out;
use crate::text::{Table, seconds};
use crate::uri::Uri;

pub(super) async fn run(settings: &Settings, token: Token, out: Out) -> Result<(), Stop> {
    let without = if matches!(token, Token::List) {
        Without::Read
    } else {
        Without::Refuse
    };
    let mut client = Client::connect(settings, without).await?;
    match token {
        Token::New { actor, scrolls } => {
            let body = json!({"actor": actor, "scrolls": scrolls});
            let what = format!("cannot make a token for {actor}");
            let made = client
                .change(Method::POST, &Uri::path(&["tokens"]), Some(&body), &what)
                .await?;
            out.answer(&made, |_| format!("{}\n", string(&made, "token")))?;
            out.aside(&format!(
                "Token {} of {actor}: writes and reads {}. It is shown only this once.",
                string(&made, "id"),
                scrolls.join(", ")
            ));
        }
        Token::List => {
            let list = client
                .get(&Uri::path(&["tokens"]), "cannot list the tokens")
                .await?;
            out.answer(&list, |paint| {
                let mut table = Table::new(&["id", "actor", "scrolls", "made", "revoked"]);
                let mut tokens: Vec<&Value> = array(&list, "tokens").iter().collect();
                tokens.sort_by_key(|token| string(token, "created_at"));
                for token in tokens {
                    let scrolls: Vec<&str> = array(token, "scrolls")
                        .iter()
                        .filter_map(Value::as_str)
                        .collect();
                    table.push(&[
                        string(token, "id"),
                        string(token, "actor"),
                        &scrolls.join(", "),
                        &seconds(string(token, "created_at")),
                        &seconds(string(token, "revoked_at")),
                    ]);
                }
                table.render(paint)
            })?;
        }
        Token::Revoke { id } => {
            let what = format!("cannot revoke the token {id}");
            let done = client
                .change(Method::DELETE, &Uri::path(&["tokens", &id]), None, &what)
                .await
                .map_err(|failure| {
                    if failure.is("not-found") {
                        failure.hint("'quorate token list' lists them")
                    } else {
                        failure
                    }
                })?;
            let done = if done.is_null() {
                json!({"id": id})
            } else {
                done
            };
            out.answer(&done, |_| {
                format!("Token {id} is revoked: it opens nothing from now on.\n")
            })?;
        }
    }
    Ok(())
}

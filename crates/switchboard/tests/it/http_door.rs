//! The HTTP side: who gets in, and how requests are answered.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{HeaderValue, Method, StatusCode, header};
use switchboard::{
    Cookie, Cors, Refuse, RequestInfo, SameSite, Server, ServerBuilder, Socket, Transport,
};
use tokio::sync::Notify;

use crate::client::{Client, Running, field, request, start, until, within};
use crate::http_client::{OPEN, ask, ask_websocket};

async fn serve(builder: ServerBuilder) -> Running {
    start(&builder.build()).await
}

/// What the hook for errors has heard, a line each.
fn heard(builder: ServerBuilder) -> (ServerBuilder, Arc<Mutex<Vec<String>>>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hears = Arc::clone(&heard);
    let builder = builder.on_connection_error(move |error| {
        let names = ["name", "transport", "previousTransport", "sid", "method", "protocol"];
        let more = ["message", "origin", "error"];
        let context = names.iter().chain(&more).filter_map(|name| {
            let value = error.context(name)?;
            Some(format!(" {name}={value}"))
        });
        let context: String = context.collect();
        assert_eq!(error.request().uri().path(), "/socket.io/");
        hears.lock().unwrap().push(format!("{}{context}", error.code()));
    });
    (builder, heard)
}

fn json(code: u8, message: &str) -> String {
    format!(r#"{{"code":{code},"message":"{message}"}}"#)
}

#[tokio::test]
async fn every_refusal_has_its_code_and_is_told() {
    let (builder, heard) = heard(Server::builder());
    let server = serve(builder).await;
    let check = async |line: &str, code: u8, message: &str, told: &str| {
        let answer = ask(&server, line, &[]).await;
        assert_eq!(answer.status, if code == 4 { 403 } else { 400 }, "{line}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.text(), json(code, message), "{line}");
        assert_eq!(heard.lock().unwrap().pop().as_deref(), Some(told), "{line}");
    };
    let unknown = "Transport unknown";
    check("GET /socket.io/", 0, unknown, "0 transport=").await;
    check("GET /socket.io/?transport=webtransport", 0, unknown, "0 transport=webtransport").await;
    check("GET /socket.io/?transport=__proto__", 0, unknown, "0 transport=__proto__").await;
    let told = "1 sid=nobody";
    check(&format!("{OPEN}&sid=nobody"), 1, "Session ID unknown", told).await;
    let line = "POST /socket.io/?EIO=4&transport=polling";
    check(line, 2, "Bad handshake method", "2 method=POST").await;
    let line = "OPTIONS /socket.io/?EIO=4&transport=polling";
    check(line, 2, "Bad handshake method", "2 method=OPTIONS").await;
    let line = "GET /socket.io/?EIO=4&transport=websocket";
    check(line, 3, "Bad request", "3 name=TRANSPORT_HANDSHAKE_ERROR").await;
    let version = "Unsupported protocol version";
    check("GET /socket.io/?transport=polling", 5, version, "5 protocol=3").await;
    check("GET /socket.io/?EIO=9&transport=polling", 5, version, "5 protocol=3").await;
    let sid = field(ask(&server, OPEN, &[]).await.text(), "sid");
    let line = format!("GET /socket.io/?EIO=4&transport=websocket&sid={sid}");
    let told = "3 name=TRANSPORT_MISMATCH transport=websocket previousTransport=polling";
    check(&line, 3, "Bad request", told).await;
    let line = format!("GET /socket.io/?EIO=9&transport=polling&sid={sid}");
    check(&line, 3, "Bad request", "3 name=PROTOCOL_MISMATCH protocol=3").await;
    let put = ask(&server, &format!("{}&sid={sid}", OPEN.replace("GET", "PUT")), &[]).await;
    assert_eq!((put.status, put.text()), (500, ""));
    assert_eq!(*heard.lock().unwrap(), [""; 0]);
}

#[tokio::test]
async fn refused_websockets_are_told_in_plain_words() {
    let (builder, heard) = heard(Server::builder());
    let server = serve(builder).await;
    let check = async |query: &str, message: &str, told: &str| {
        let answer = ask_websocket(&server, query, &[]).await;
        assert_eq!((answer.status, answer.text()), (400, message), "{query}");
        assert_eq!(answer.header("connection"), Some("close"));
        assert_eq!(answer.header("content-type"), Some("text/html"));
        assert_eq!(heard.lock().unwrap().pop().as_deref(), Some(told), "{query}");
    };
    // The last value of a parameter counts.
    check("&transport=foo", "Transport unknown", "0 transport=foo").await;
    check("&sid=nobody", "Session ID unknown", "1 sid=nobody").await;
    let told = "3 name=TRANSPORT_HANDSHAKE_ERROR";
    check("&transport=polling", "Bad request", told).await;
    check("&EIO=2", "Unsupported protocol version", "5 protocol=3").await;
}

#[tokio::test]
async fn the_application_decides_about_handshakes_on_every_transport() {
    let (builder, heard) = heard(Server::builder());
    let word = Arc::new("sesame".to_owned());
    let builder = builder.allow_request(async move |request: RequestInfo| {
        tokio::task::yield_now().await;
        assert!(request.address().is_some());
        assert_eq!(request.version(), http::Version::HTTP_11);
        match request.headers().get("x-word") {
            Some(it) if *it == **word => Ok(()),
            Some(_) => Err(Refuse::new("\"no\" is\nno word")),
            None => Err(Refuse::default()),
        }
    });
    let server = serve(builder).await;
    let answer = ask(&server, OPEN, &[]).await;
    assert_eq!((answer.status, answer.text()), (403, &*json(4, "Forbidden")));
    let answer = ask(&server, OPEN, &["X-Word: abracadabra"]).await;
    assert_eq!(answer.text(), json(4, r#"\"no\" is\nno word"#));
    let answer = ask_websocket(&server, "", &[]).await;
    assert_eq!((answer.status, answer.text()), (400, "Forbidden"));
    let answer = ask_websocket(&server, "", &["X-Word: abracadabra"]).await;
    assert_eq!((answer.status, answer.text()), (400, "\"no\" is\nno word"));
    assert_eq!(heard.lock().unwrap().len(), 4);
    assert_eq!(heard.lock().unwrap()[0], "4 message=Forbidden");
    assert_eq!(ask_websocket(&server, "", &["X-Word: sesame"]).await.status, 101);
    let answer = ask(&server, OPEN, &["X-Word: sesame"]).await;
    assert_eq!(answer.status, 200);
    // Whoever is in is not asked again.
    let query = format!("EIO=4&transport=polling&sid={}", field(answer.text(), "sid"));
    assert_eq!(request(&server, "POST", &query, "40").await.0, 200);
    assert_eq!(request(&server, "GET", &query, "").await.0, 200);
    // The application is asked before the version is looked at.
    let answer = ask(&server, "GET /socket.io/?transport=polling", &[]).await;
    assert_eq!(answer.text(), json(4, "Forbidden"));
}

#[tokio::test]
async fn foreign_pages_stay_out_of_every_transport() {
    let (builder, heard) = heard(Server::builder());
    let server = serve(builder).await;
    let evil = ["Origin: https://evil.test"];
    let answer = ask(&server, OPEN, &evil).await;
    assert_eq!((answer.status, answer.text()), (403, &*json(4, "Forbidden")));
    assert_eq!(answer.header("access-control-allow-origin"), None);
    assert_eq!(ask_websocket(&server, "", &evil).await.status, 403);
    let told = "4 name=ORIGIN_NOT_ALLOWED origin=https://evil.test";
    assert_eq!(*heard.lock().unwrap(), [told, told]);
    let own = format!("Origin: http://{}", server.address);
    assert_eq!(ask(&server, OPEN, &[&own]).await.status, 200);
    assert_eq!(ask_websocket(&server, "", &[&own]).await.status, 101);
}

#[tokio::test]
async fn cors_has_every_option_of_the_npm_package() {
    let cors = Cors::new()
        .origins(["https://a.test", "https://b.test"])
        .methods([Method::GET, Method::PUT])
        .allowed_headers([header::AUTHORIZATION, header::CONTENT_TYPE])
        .exposed_headers([header::ETAG])
        .credentials(true)
        .max_age(Duration::from_secs(60))
        .options_success_status(StatusCode::OK);
    let server = serve(Server::builder().cors(cors)).await;
    let preflight = "OPTIONS /socket.io/?EIO=4&transport=polling";
    let answer = ask(&server, preflight, &["Origin: https://b.test"]).await;
    assert_eq!((answer.status, answer.text()), (200, ""));
    assert_eq!(answer.header("content-length"), Some("0"));
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://b.test"));
    assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
    assert_eq!(answer.header("access-control-allow-methods"), Some("GET,PUT"));
    let allowed = answer.header("access-control-allow-headers");
    assert_eq!(allowed, Some("authorization,content-type"));
    assert_eq!(answer.header("access-control-expose-headers"), Some("etag"));
    assert_eq!(answer.header("access-control-max-age"), Some("60"));
    assert_eq!(answer.list("vary"), "Origin");
    for answer in [
        ask(&server, OPEN, &["Origin: https://a.test"]).await,
        ask_websocket(&server, "", &["Origin: https://a.test"]).await,
    ] {
        assert!([200, 101].contains(&answer.status));
        assert_eq!(answer.header("access-control-allow-origin"), Some("https://a.test"));
        assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
        assert_eq!(answer.header("access-control-expose-headers"), Some("etag"));
        assert_eq!(answer.header("access-control-allow-methods"), None);
        assert_eq!(answer.list("vary"), "Origin");
    }
    for evil in ["Origin: https://a.test.evil.test", "Origin: null"] {
        let answer = ask(&server, preflight, &[evil]).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("access-control-allow-origin"), None);
        assert_eq!(answer.list("vary"), "Origin");
        assert_eq!(ask(&server, OPEN, &[evil]).await.status, 403);
        assert_eq!(ask_websocket(&server, "", &[evil]).await.status, 403);
    }
    // Caches must not give this answer to a page.
    assert_eq!(ask(&server, OPEN, &[]).await.list("vary"), "Origin");
}

#[tokio::test]
async fn cors_reflects_what_is_not_said() {
    let server = serve(Server::builder().cors(Cors::reflect())).await;
    let asks = ["Origin: https://any.test", "Access-Control-Request-Headers: x-one, x-two"];
    let answer = ask(&server, "OPTIONS /socket.io/", &asks).await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://any.test"));
    assert_eq!(answer.header("access-control-allow-headers"), Some("x-one, x-two"));
    let methods = answer.header("access-control-allow-methods");
    assert_eq!(methods, Some("GET,HEAD,PUT,PATCH,POST,DELETE"));
    assert_eq!(answer.header("access-control-allow-credentials"), None);
    assert_eq!(answer.header("access-control-max-age"), None);
    assert_eq!(answer.list("vary"), "Origin, Access-Control-Request-Headers");
}

#[tokio::test]
async fn any_page_may_come_without_its_cookies() {
    let server = serve(Server::builder().allow_any_origin()).await;
    for asks in [&[][..], &["Origin: https://any.test"]] {
        let answer = ask(&server, OPEN, asks).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        assert_eq!(answer.header("access-control-allow-credentials"), None);
        assert_eq!(answer.list("vary"), "");
    }
    assert_eq!(ask_websocket(&server, "", &["Origin: https://any.test"]).await.status, 101);
}

#[tokio::test]
async fn a_preflight_can_go_on_to_the_checks() {
    let cors = Cors::any().preflight_continue(true);
    let server = serve(Server::builder().cors(cors)).await;
    let line = "OPTIONS /socket.io/?EIO=4&transport=polling";
    let answer = ask(&server, line, &["Origin: https://any.test"]).await;
    assert_eq!((answer.status, answer.text()), (400, &*json(2, "Bad handshake method")));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert!(answer.header("access-control-allow-methods").is_some());
}

#[tokio::test]
async fn the_cookie_comes_with_the_first_answer_of_polling_only() {
    let server = serve(Server::builder().cookie(Cookie::new())).await;
    let answer = ask(&server, OPEN, &[]).await;
    let sid = field(answer.text(), "sid");
    let expected = format!("io={sid}; Path=/; HttpOnly; SameSite=Lax");
    assert_eq!(answer.header("set-cookie"), Some(&*expected));
    let query = format!("EIO=4&transport=polling&sid={sid}");
    assert_eq!(request(&server, "POST", &query, "40").await.0, 200);
    let poll = ask(&server, &format!("{OPEN}&sid={sid}"), &[]).await;
    assert_eq!((poll.status, poll.header("set-cookie")), (200, None));
    assert_eq!(ask_websocket(&server, "", &[]).await.header("set-cookie"), None);
    let named = Cookie::new().name("node").unwrap().http_only(false).same_site(SameSite::Strict);
    let server = serve(Server::builder().cookie(named)).await;
    let answer = ask(&server, OPEN, &[]).await;
    let expected = format!("node={}; Path=/; SameSite=Strict", field(answer.text(), "sid"));
    assert_eq!(answer.header("set-cookie"), Some(&*expected));
    let server = serve(Server::builder()).await;
    assert_eq!(ask(&server, OPEN, &[]).await.header("set-cookie"), None);
}

#[tokio::test]
async fn the_application_changes_headers_of_answers_that_are_no_errors() {
    let builder = Server::builder()
        .on_initial_headers(|headers, request| {
            assert_eq!(request.query("EIO").as_deref(), Some("4"));
            headers.insert("x-first", HeaderValue::from_static("yes"));
        })
        .on_headers(|headers, _request| {
            headers.insert("x-each", HeaderValue::from_static("one"));
        })
        .on_headers(|headers, _request| {
            headers.insert("x-each", HeaderValue::from_static("two"));
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/x-own"));
            headers.insert(header::SEC_WEBSOCKET_ACCEPT, HeaderValue::from_static("broken"));
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        });
    let server = serve(builder).await;
    let opened = ask(&server, OPEN, &[]).await;
    assert_eq!(opened.header("x-first"), Some("yes"));
    assert_eq!(opened.header("x-each"), Some("two"));
    assert_eq!(opened.header("content-type"), Some("text/x-own"));
    let sid = field(opened.text(), "sid");
    let query = format!("EIO=4&transport=polling&sid={sid}");
    assert_eq!(request(&server, "POST", &query, "40").await.0, 200);
    let poll = ask(&server, &format!("{OPEN}&sid={sid}"), &[]).await;
    assert_eq!((poll.header("x-first"), poll.header("x-each")), (None, Some("two")));
    let upgrade = ask_websocket(&server, "", &[]).await;
    assert_eq!((upgrade.header("x-first"), upgrade.header("x-each")), (Some("yes"), Some("two")));
    assert_eq!(upgrade.header("connection"), Some("Upgrade"));
    let accept = upgrade.header("sec-websocket-accept");
    assert_eq!(accept, Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    let upgrade = ask_websocket(&server, &format!("&sid={sid}"), &[]).await;
    assert_eq!((upgrade.header("x-first"), upgrade.header("x-each")), (None, Some("two")));
    let refused = ask(&server, "GET /socket.io/", &[]).await;
    assert_eq!((refused.status, refused.header("x-each")), (400, None));
}

#[tokio::test]
async fn the_application_may_name_sessions_but_not_badly() {
    let (builder, heard) = heard(Server::builder());
    let builder = builder.generate_id(|request| request.query("name").unwrap_or_default());
    let server = serve(builder).await;
    let good = "AAAAAAAAAAAAAAAAAA-_";
    let answer = ask(&server, &format!("{OPEN}&name={good}"), &[]).await;
    assert_eq!(field(answer.text(), "sid"), good);
    for bad in ["short", "", "AAAAAAAAAAAAAAAAAA%20A", "AAAAAAAAAAAAAAAAAAAAA", good] {
        let answer = ask(&server, &format!("{OPEN}&name={bad}"), &[]).await;
        assert_eq!((answer.status, answer.text()), (400, &*json(3, "Bad request")), "{bad}");
        let told = heard.lock().unwrap().pop().unwrap();
        assert!(told.starts_with("3 name=ID_GENERATION_ERROR"), "{told}");
        let answer = ask_websocket(&server, &format!("&name={bad}"), &[]).await;
        assert_eq!((answer.status, answer.text()), (400, "Bad request"), "{bad}");
    }
}

#[tokio::test]
async fn only_the_transports_of_choice_are_served() {
    let server = serve(Server::builder().transports([Transport::WebSocket])).await;
    assert_eq!(ask(&server, OPEN, &[]).await.text(), json(0, "Transport unknown"));
    Client::connect(&server).await;
    let server = serve(Server::builder().transports([Transport::Polling])).await;
    let opened = ask(&server, OPEN, &[]).await;
    assert!(opened.text().contains(r#""upgrades":[]"#), "{opened:?}");
    assert_eq!(ask_websocket(&server, "", &[]).await.text(), "Transport unknown");
}

#[tokio::test]
async fn upgrades_can_be_switched_off() {
    let server = serve(Server::builder().allow_upgrades(false)).await;
    let opened = ask(&server, OPEN, &[]).await;
    assert!(opened.text().contains(r#""upgrades":[]"#), "{opened:?}");
    let sid = field(opened.text(), "sid");
    let answer = ask_websocket(&server, &format!("&sid={sid}"), &[]).await;
    assert_eq!((answer.status, answer.text()), (400, "Bad request"));
    Client::connect(&server).await;
}

#[tokio::test]
async fn the_slash_at_the_end_of_the_path_is_an_option() {
    let server = serve(Server::builder()).await;
    assert_eq!(ask(&server, "GET /socket.io?EIO=4&transport=polling", &[]).await.status, 404);
    let server = serve(Server::builder().add_trailing_slash(false)).await;
    for path in ["/socket.io", "/socket.io/", "/socket.io/anything"] {
        let answer = ask(&server, &format!("GET {path}?EIO=4&transport=polling"), &[]).await;
        assert_eq!(answer.status, 200, "{path}");
    }
    let server = serve(Server::builder().path("/")).await;
    assert_eq!(ask(&server, "GET /?EIO=4&transport=polling", &[]).await.status, 200);
}

#[tokio::test]
async fn one_name_is_never_that_of_two_sessions() {
    let io = Server::builder().generate_id(|_| "AAAAAAAAAAAAAAAAAA-_".to_owned()).build();
    let server = start(&io).await;
    // Both are asked for before either is there.
    let both = tokio::join!(ask_websocket(&server, "", &[]), ask_websocket(&server, "", &[]));
    assert!(both.0.status == 101 || both.1.status == 101);
    until(|| io.clients_count() == 0).await;
    let [gate, begun, ended] = [(); 3].map(|()| Arc::new(Notify::new()));
    let shared = [Arc::clone(&gate), Arc::clone(&begun), Arc::clone(&ended)];
    io.of("/").on("wait", async move |_: Socket| {
        let [gate, begun, ended] = shared;
        begun.notify_one();
        gate.notified().await;
        ended.notify_one();
    });
    let (mut first, _) = Client::connect(&server).await;
    first.send(r#"42["wait"]"#).await;
    within(begun.notified()).await;
    drop(first);
    until(|| io.clients_count() == 0).await;
    // The name is free, though a handler of its last owner still runs.
    let (mut second, _) = Client::connect(&server).await;
    gate.notify_one();
    within(ended.notified()).await;
    assert_eq!(io.clients_count(), 1);
    within(io.close()).await;
    assert_eq!(second.close_code().await, Some(1012));
}

/// Browsers leave the origin out where a page cannot read the answer. It can: scripts call it.
#[tokio::test]
async fn pages_that_do_not_say_their_origin_are_known_by_what_they_say_instead() {
    let jsonp = format!("{OPEN}&j=0");
    let cross = "Sec-Fetch-Site: cross-site";
    let same_site = "Sec-Fetch-Site: same-site";
    let referer = "Referer: https://app.test/some/page";
    let evil = "Referer: https://app.test.evil.test/";
    let own = serve(Server::builder()).await;
    for headers in [&[cross][..], &[same_site], &[cross, referer]] {
        let answer = ask(&own, &jsonp, headers).await;
        assert_eq!((answer.status, answer.text()), (403, &*json(4, "Forbidden")), "{headers:?}");
    }
    for headers in [&[][..], &["Sec-Fetch-Site: same-origin"], &["Sec-Fetch-Site: none"]] {
        assert_eq!(ask(&own, &jsonp, headers).await.status, 200, "{headers:?}");
    }
    let some = serve(Server::builder().allow_origin("https://app.test")).await;
    assert_eq!(ask(&some, &jsonp, &[cross, referer]).await.status, 200);
    assert_eq!(ask(&some, &jsonp, &[cross, evil]).await.status, 403);
    assert_eq!(ask(&some, &jsonp, &[cross]).await.status, 403);
    let any = serve(Server::builder().allow_any_origin()).await;
    assert_eq!(ask(&any, &jsonp, &[cross]).await.status, 200);
}

#[tokio::test]
async fn credentials_are_for_origins_that_have_names() {
    let server = serve(Server::builder().cors(Cors::any().credentials(true))).await;
    let answer = ask(&server, OPEN, &["Origin: https://any.test"]).await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("access-control-allow-credentials"), None);
}

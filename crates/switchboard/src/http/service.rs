//! The `tower` service and layer: the one way into HTTP frameworks.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{Either, Full};

use super::{door, reply};
use crate::engine::Engine;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Answers requests below the server's path, and 404 to all others. From
/// [`Server::service`](crate::Server::service).
#[derive(Clone, Debug)]
pub struct Service {
    engine: Arc<Engine>,
}

impl Service {
    pub(crate) fn new(engine: Arc<Engine>) -> Self {
        Self { engine }
    }
}

impl<B> tower_service::Service<Request<B>> for Service
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if is_ours(&self.engine, request.uri().path()) {
            let engine = Arc::clone(&self.engine);
            Box::pin(door::answer(engine, request, Ok))
        } else {
            Box::pin(std::future::ready(Ok(reply::not_found())))
        }
    }
}

/// Puts a [`Server`](crate::Server) in front of another service. From
/// [`Server::layer`](crate::Server::layer).
#[derive(Clone, Debug)]
pub struct Layer {
    engine: Arc<Engine>,
}

impl Layer {
    pub(crate) fn new(engine: Arc<Engine>) -> Self {
        Self { engine }
    }
}

impl<S> tower_layer::Layer<S> for Layer {
    type Service = Layered<S>;

    fn layer(&self, inner: S) -> Layered<S> {
        Layered { engine: Arc::clone(&self.engine), inner }
    }
}

/// A service with a [`Server`](crate::Server) in front of it.
#[derive(Clone, Debug)]
pub struct Layered<S> {
    engine: Arc<Engine>,
    inner: S,
}

impl<S, B, R> tower_service::Service<Request<B>> for Layered<S>
where
    S: tower_service::Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
    R: Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    type Response = Response<Either<Full<Bytes>, R>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if is_ours(&self.engine, request.uri().path()) {
            let engine = Arc::clone(&self.engine);
            Box::pin(door::answer(engine, request, |it| Ok(it.map(Either::Left))))
        } else {
            let answer = self.inner.call(request);
            Box::pin(async move { Ok(answer.await?.map(Either::Right)) })
        }
    }
}

fn is_ours(engine: &Engine, path: &str) -> bool {
    // A prefix, as in the official server: `/socket.io/anything` is captured too.
    path.starts_with(&*engine.config.path)
}

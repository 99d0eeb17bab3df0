//! What: What a function tells beside its log: metrics, and a span of each invocation.
//!
//! Data: Takes the context of an invocation, its metrics, and what its span should say. Writes metrics to the log, and
//! tells a collector both, as the configuration asks for it.
//!
//! Invariants: If all of it is off, nothing is made and nothing is measured. Nothing is decided by it.
//!
//! | invocation | its span belongs to |
//! |---|---|
//! | for a caller that names its trace | the caller's span; without one, if the caller's trace is not recorded |
//! | for a caller that names none | Lambda's span; without one, if Lambda doesn't record it |
//! | for a batch | Lambda's span, if Lambda records it; else a trace begins with it |
//!
//! Where Lambda names no trace, as on one machine, a trace begins.

use std::collections::BTreeSet;
use std::num::{NonZeroU64, NonZeroU128};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lambda_runtime::Context;
use tokio::time::Instant;

use super::collector::{Collector, CollectorConfig};
use crate::aws::AwsError;
use crate::domain::{Timestamp, Trace};
use crate::wire::metric::Metrics;
use crate::wire::otlp;
use crate::wire::otlp::spans::{SpanKind, TraceSpan};
use crate::wire::otlp::{Attribute, Attributes};
use crate::wire::xray_header;

/// What a function tells beside its log.
#[derive(Debug, Default)]
pub struct Observer {
    writes_metrics: bool,
    collector: Option<Collector>,
}

/// An invocation that is observed.
#[derive(Debug)]
pub struct Observed<'o> {
    observer: &'o Observer,
    function: String,
    instance: String,
    began_ns: u64,
    began: Instant,
    span: Option<Begun>,
}

/// A span that has begun.
#[derive(Debug, Clone, Copy)]
struct Begun {
    place: Trace,
    parent: Option<Trace>,
}

/// What the span of an invocation says.
#[derive(Debug)]
pub struct SpanContent {
    /// What the invocation is to others.
    pub kind: SpanKind,
    /// What was done.
    pub name: String,
    /// More about it. Counts among the metrics are told anyway.
    pub attributes: Attributes,
    /// The traces of its records. Those that aren't recorded are left out.
    pub links: Vec<Trace>,
    /// What failed.
    pub error: Option<&'static str>,
}

impl Observer {
    /// Writes metrics to the log or doesn't, and tells the collector at these URLs.
    ///
    /// # Errors
    /// [`AwsError`] if one is no URL, or must be signed for without credentials.
    pub fn connect(writes_metrics: bool, collector: &CollectorConfig) -> Result<Self, AwsError> {
        Ok(Self { writes_metrics, collector: Collector::connect(collector)? })
    }

    /// Whether anybody wants the metrics of an invocation.
    #[must_use]
    pub fn wants_metrics(&self) -> bool {
        self.writes_metrics || self.collector.as_ref().is_some_and(Collector::takes_metrics)
    }

    fn wants_spans(&self) -> bool {
        self.collector.as_ref().is_some_and(Collector::takes_spans)
    }

    /// Begins to observe an invocation for a caller, who may name a trace. `None`: nobody wants to know.
    #[must_use]
    pub fn begin(&self, context: &Context, caller: Option<Trace>) -> Option<Observed<'_>> {
        let parent = || caller.or_else(|| lambda(context));
        self.observe(context, || parent().is_none_or(Trace::is_sampled).then(|| Begun::below(parent())))
    }

    /// Begins to observe an invocation for a batch. `None`: nobody wants to know.
    #[must_use]
    pub fn begin_batch(&self, context: &Context) -> Option<Observed<'_>> {
        self.observe(context, || Some(Begun::below(lambda(context).filter(|lambda| lambda.is_sampled()))))
    }

    fn observe(&self, context: &Context, span: impl FnOnce() -> Option<Begun>) -> Option<Observed<'_>> {
        let span = if self.wants_spans() { span() } else { None };
        if span.is_none() && !self.wants_metrics() {
            return None;
        }
        let config = &context.env_config;
        Some(Observed {
            observer: self,
            function: config.function_name.clone(),
            instance: config.log_stream.clone(),
            began_ns: nanoseconds(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()),
            began: Instant::now(),
            span,
        })
    }
}

/// The span of Lambda itself.
fn lambda(context: &Context) -> Option<Trace> {
    context.xray_trace_id.as_deref().and_then(xray_header::read)
}

impl Begun {
    fn below(parent: Option<Trace>) -> Self {
        let span = NonZeroU64::new(fastrand::u64(1..)).unwrap_or(NonZeroU64::MIN);
        let new = || Trace::begin(NonZeroU128::new(fastrand::u128(1..)).unwrap_or(NonZeroU128::MIN), span);
        Self { place: parent.map_or_else(new, |parent| parent.child(span)), parent }
    }
}

impl Observed<'_> {
    /// The place of its span in its trace, if it has one.
    #[must_use]
    pub fn place(&self) -> Option<Trace> {
        self.span.map(|span| span.place)
    }

    /// Whether links of its span are told.
    #[must_use]
    pub fn has_span(&self) -> bool {
        self.span.is_some()
    }

    /// Ends it. Writes the metrics, and tells the collector, but not past `until`.
    pub async fn end(self, told: SpanContent, metrics: &[Metrics], at: Timestamp, until: Instant) {
        let Self { observer, function, instance, began_ns, began, span } = self;
        if observer.writes_metrics {
            super::metrics(metrics, &function, at);
        }
        let Some(collector) = &observer.collector else { return };
        let duration_ns = nanoseconds(began.elapsed());
        let SpanContent { kind, name, mut attributes, links, error } = told;
        let span = span.map(|Begun { place, parent }| {
            attributes.extend(otlp::figures(metrics));
            // Each once: many records may come of one span.
            let links: BTreeSet<Trace> = links.into_iter().filter(|link| link.is_sampled()).collect();
            let links = links.into_iter().collect();
            attributes.extend(error.map(|error| ("error.type".to_owned(), Attribute::Text(error.to_owned()))));
            let span = TraceSpan { place, parent, kind, name, began_ns, duration_ns, attributes, links, error };
            otlp::spans::encode(&function, &span)
        });
        let between_ns = (began_ns, began_ns.saturating_add(duration_ns));
        let wants_metrics = collector.takes_metrics() && !metrics.is_empty();
        let metrics = wants_metrics.then(|| otlp::metrics::encode(&function, &instance, metrics, between_ns));
        collector.tell(span, metrics, until).await;
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(flags: &str) -> Option<Trace> {
        Trace::parse(&format!("00-{:032x}-{:016x}-{flags}", 0x4b, 7))
    }

    fn observer(traces: bool, metrics: bool) -> Observer {
        let url = |is_on: bool| is_on.then(|| "http://127.0.0.1:1/v1".to_owned());
        let config = CollectorConfig { traces: url(traces), metrics: url(metrics) };
        Observer::connect(false, &config).unwrap()
    }

    #[test]
    fn nothing_is_observed_if_all_is_off() {
        let context = Context::default();
        assert!(Observer::default().begin(&context, trace("01")).is_none());
        assert!(observer(true, false).begin(&context, trace("00")).is_none(), "its caller's trace is not recorded");
        assert!(!observer(true, true).begin(&context, trace("00")).unwrap().has_span());
        assert!(!observer(false, true).begin(&context, trace("01")).unwrap().has_span());
        assert!(
            !Observer::connect(true, &CollectorConfig::default()).unwrap().begin(&context, None).unwrap().has_span()
        );
    }

    #[test]
    fn a_span_belongs_to_its_caller_or_to_lambda_or_to_none() {
        let observer = observer(true, false);
        let lambda = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
        let mut context = Context::default();
        let begun = |context: &Context, caller| observer.begin(context, caller).unwrap().span.unwrap();
        let alone = begun(&context, None);
        assert!(alone.parent.is_none() && alone.place.is_sampled());
        assert_ne!(begun(&context, None).place.trace_id(), alone.place.trace_id());
        context.xray_trace_id = Some(lambda.into());
        let below_lambda = begun(&context, None);
        assert_eq!(below_lambda.parent, xray_header::read(lambda));
        assert_eq!(below_lambda.place.trace_id(), "5759e988bd862e3fe1be46a994272793");
        let below_caller = begun(&context, trace("01"));
        assert_eq!(below_caller.parent, trace("01"));
        assert_eq!(below_caller.place.trace_id(), trace("01").unwrap().trace_id());
        assert_ne!(below_caller.place, trace("01").unwrap());
        context.xray_trace_id = Some(lambda.replace("Sampled=1", "Sampled=0"));
        assert!(observer.begin(&context, None).is_none(), "Lambda doesn't record it");
        assert_eq!(begun(&context, trace("01")).parent, trace("01"));
        assert!(observer.begin_batch(&context).unwrap().span.unwrap().parent.is_none());
        context.xray_trace_id = Some(lambda.into());
        assert_eq!(observer.begin_batch(&context).unwrap().span.unwrap().parent, xray_header::read(lambda));
    }
}

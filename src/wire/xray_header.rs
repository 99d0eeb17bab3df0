//! What: The header by which Lambda tells a function its trace: X-Ray's own form of a trace.
//!
//! Data: Takes `Root=1-<8 digits>-<24 digits>;Parent=<16 digits>;Sampled=1`, in any order, with other fields. Gives the
//! trace, in which the two parts of the root are one id. `None` if it is no trace.
//!
//! Source: AWS X-Ray developer guide, "Tracing header".

use crate::domain::Trace;

/// Reads the header. The trace says whether Lambda records it.
#[must_use]
pub fn read(text: &str) -> Option<Trace> {
    let field = |name: &str| text.split(';').find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='));
    let mut root = field("Root")?.splitn(3, '-');
    let (Some("1"), Some(seconds), Some(random)) = (root.next(), root.next(), root.next()) else { return None };
    let flags = match field("Sampled")? {
        "1" => "01",
        "0" => "00",
        _ => return None,
    };
    let is_root = seconds.len() == 8 && random.len() == 24;
    is_root.then(|| Trace::parse(&format!("00-{seconds}{random}-{}-{flags}", field("Parent")?))).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "Root=1-5759e988-bd862e3fe1be46a994272793";

    #[test]
    fn a_trace_is_read() {
        let expected = "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01";
        for text in [
            format!("{ROOT};Parent=53995c3f42cd8ad8;Sampled=1"),
            format!("Sampled=1;Parent=53995c3f42cd8ad8;{ROOT};Lineage=1:a87bd80c:0"),
            format!("Self=1-0-0; {ROOT}; Parent=53995c3f42cd8ad8; Sampled=1"),
        ] {
            assert_eq!(read(&text).unwrap().to_string(), expected, "{text}");
        }
        let not_recorded = read(&format!("{ROOT};Parent=53995c3f42cd8ad8;Sampled=0")).unwrap();
        assert!(!not_recorded.is_sampled());
    }

    #[test]
    fn others_are_none() {
        for text in [
            String::new(),
            format!("{ROOT};Parent=53995c3f42cd8ad8;Sampled=?"),
            format!("{ROOT};Parent=53995c3f42cd8ad8"),
            format!("{ROOT};Sampled=1"),
            "Parent=53995c3f42cd8ad8;Sampled=1".into(),
            "Root=2-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1".into(),
            "Root=1-5759e98-8bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1".into(),
            "Root=1-5759e988-bd862e3fe1be46a99427279g;Parent=53995c3f42cd8ad8;Sampled=1".into(),
            "Root=1-00000000-000000000000000000000000;Parent=53995c3f42cd8ad8;Sampled=1".into(),
            format!("{ROOT};Parent=0000000000000000;Sampled=1"),
        ] {
            assert_eq!(read(&text), None, "{text}");
        }
    }
}

import Testing

/// All suites of this target: each starts servers of its own, measures time or makes the machine suffer, so one test runs at a time.
@Suite(.serialized) enum OneAtATime {}

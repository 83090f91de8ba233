import Telemetry
import Testing

struct MetricRegistryTests {
  private let metrics = MetricRegistry()

  @Test func `counters are told by name and labels, in the form that Prometheus reads`() {
    metrics.counter("b_total", help: "The second.", labels: [("kind", "x"), ("way", "in")]).add(3)
    metrics.counter("b_total", help: "The second.", labels: [("kind", "y"), ("way", "in")]).add()
    metrics.counter("a_total", help: "The first.").add()
    #expect(
      metrics.text == """
        # HELP a_total The first.
        # TYPE a_total counter
        a_total 1
        # HELP b_total The second.
        # TYPE b_total counter
        b_total{kind="x",way="in"} 3
        b_total{kind="y",way="in"} 1

        """)
  }

  @Test func `the same name and labels are the same counter`() {
    metrics.counter("a_total", help: "It.", labels: [("k", "v")]).add(2)
    let again = metrics.counter("a_total", help: "It.", labels: [("k", "v")])
    #expect(again.value == 2)
    again.add()
    #expect(metrics.text.contains("a_total{k=\"v\"} 3\n"))
  }

  @Test func `gauges are read when somebody asks`() {
    let counter = Counter()
    metrics.gauge("g", help: "It.") { Double(counter.value) }
    metrics.gauges("h", help: "They.") { [([("n", "1")], 0.5), ([("n", "2")], 1)] }
    #expect(metrics.text.contains("# TYPE g gauge\ng 0.0\n"))
    counter.add(7)
    #expect(metrics.text.contains("\ng 7.0\n"))
    #expect(metrics.text.contains("h{n=\"1\"} 0.5\nh{n=\"2\"} 1.0\n"))
  }

  @Test func `a label may have any characters`() {
    metrics.counter("a_total", help: "It.", labels: [("k", "a\"b\\c\nd")]).add()
    #expect(metrics.text.contains(#"a_total{k="a\"b\\c\nd"} 1"#))
  }

  @Test func `nothing is lost when many count at once`() async {
    let counter = metrics.counter("a_total", help: "It.")
    await withTaskGroup { group in
      for _ in 0..<8 { group.addTask { for _ in 0..<10_000 { counter.add() } } }
    }
    #expect(counter.value == 80_000)
  }
}

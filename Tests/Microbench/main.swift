import Benchmark
import Glibc

// `microbench` measures times; see `microbench --help`.
// `microbench count [NAME]…` does each benchmark, or those named, a fixed number of times, and prints their names and these numbers.
// `microbench memory standing|seated NUMBER` prints the bytes that each of so many reservations takes.
switch CommandLine.arguments.dropFirst().first {
case "count":
  guard getenv("SWIFT_DETERMINISTIC_HASHING") != nil else {
    print("microbench: without SWIFT_DETERMINISTIC_HASHING the counts would differ from run to run")
    exit(2)
  }
  let names = CommandLine.arguments.dropFirst(2)
  if let unknown = names.first(where: { name in !Microbenchmark.all.contains { $0.name == name } }) {
    print("microbench: there is no benchmark called '\(unknown)'")
    exit(2)
  }
  for benchmark in Microbenchmark.all where names.isEmpty || names.contains(benchmark.name) {
    benchmark.count()
    print(benchmark.name, benchmark.iterations, separator: "\t")
  }
case "memory":
  guard CommandLine.arguments.count == 4, let reservations = Int(CommandLine.arguments[3]), reservations > 0 else {
    print("microbench: memory wants a venue and a number of reservations")
    exit(2)
  }
  Memory.report(CommandLine.arguments[2], reservations: reservations)
default:
  let suite = BenchmarkSuite(name: "") { suite in
    for benchmark in Microbenchmark.all {
      // What several of them need would not fit into memory all at once.
      var body: (() -> Void)?
      // Some make changes, and have what so many of them need.
      let settings: [any BenchmarkSetting] = [Iterations(benchmark.iterations), WarmupIterations(benchmark.iterations / 10)]
      suite.benchmark(benchmark.name, settings: settings) { (state: inout BenchmarkState) in
        let run = body ?? benchmark.prepare()
        body = run
        try state.measure { run() }
      }
    }
  }
  Benchmark.main([suite])
}

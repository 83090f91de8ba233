import ArgumentParser
import Glibc

/// `simulate`: sales under faults, as many as one likes.
@main
struct Simulate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run gateway and worker in simulated worlds and compare what clients were told with the journal.",
    discussion: "Prints the shortest story of the first seed that fails, and exits with 1.")

  @Option(help: "How many worlds.") var seeds: UInt64 = 1000
  @Option(help: "The first world's seed.") var first: UInt64 = 1
  @Option(help: "A deliberate mistake: \(Defect.allCases.map(\.rawValue).joined(separator: ", ")).") var defect: String?
  @Flag(help: "Worlds in which nothing goes wrong.") var faultless = false
  @Flag(help: "Each seed with the hash of what happened.") var hashes = false
  @Flag(help: "Everything that happened in the first world.") var trace = false
  @Flag(help: "Tell the failing seed only, without looking for its shortest story.") var brief = false

  func validate() throws {
    if let defect, Defect(rawValue: defect) == nil { throw ValidationError("there is no defect \(defect)") }
  }

  func run() throws {
    try hashDeterministically()
    let defect = defect.flatMap(Defect.init(rawValue:))
    var total = Totals()
    for seed in first..<(first + seeds) {
      let run = Run(Plan(seed: seed, faultless: faultless), defect: defect)
      total.add(run)
      if hashes { print("\(seed) \(run.hash)") }
      if trace { return print(run.story(about: nil)) }
      guard let violation = run.violations.first else { continue }
      print("seed \(seed) fails after \(seed - first + 1) seeds: \(violation.text)")
      if !brief { print(run.shortest().description) }
      throw ExitCode(1)
    }
    print(total.description)
  }

  /// Sets and dictionaries are walked through in the same order in every process, or a seed would not say what happens. It has to be
  /// known before the process starts.
  private func hashDeterministically() throws {
    if getenv("SWIFT_DETERMINISTIC_HASHING") != nil { return }
    setenv("SWIFT_DETERMINISTIC_HASHING", "1", 1)
    var arguments = CommandLine.arguments.map { strdup($0) } + [nil]
    execv("/proc/self/exe", &arguments)
    throw ValidationError("can't be started again: \(String(cString: strerror(errno)))")
  }
}

/// What came of some worlds.
private struct Totals {
  private var worlds = 0
  private var decisions: Int64 = 0
  private var commands = 0
  private var incidents = 0
  private var jobs = 0
  private var simulated: Int64 = 0
  private let began = ContinuousClock.now

  mutating func add(_ run: Run) {
    worlds += 1
    decisions += run.decisions
    commands += run.commands
    incidents += run.plan.incidents.count
    jobs += run.jobs
    simulated += run.simulated
  }

  var description: String {
    let seconds = max(1e-9, (ContinuousClock.now - began) / .seconds(1))
    return """
      \(worlds) worlds, no violation: \(commands) commands, \(decisions) decisions, \(incidents) incidents, \
      \(simulated / 1_000_000) simulated seconds, \(jobs) jobs
      \(Int(seconds * 10) / 10) s, \(Int(Double(worlds) / seconds)) seeds/s
      """
  }
}

import ArgumentParser
import Foundation
import Glibc

/// `bench`: measures what TicketHub promises, beside what its parts do alone. `compose/local bench` starts what it needs.
@main
struct Bench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure a running TicketHub beside its own parts.",
    discussion:
      "Rows: \(Row.all.map(\.name).joined(separator: ", ")). Exits with 1 if a figure is missing or the audit finds anything.")

  @Argument(help: "The rows to measure; all without any.") var names: [String] = []
  @Option(help: "How often each row is measured.") var runs = 5
  @Option(help: "Requests of a spike; the goals are for 20,000.") var requests = Lab.usualSpike
  @Flag(help: "The largest cases too, which take hours.") var long = false
  @Flag(help: ArgumentHelp("Only look whether the arguments make sense.", visibility: .hidden)) var check = false
  @Option(help: "Where to write the figures as JSON.") var json: String?
  @Option(help: "Where to write the report as a page.") var html: String?

  func validate() throws {
    if let unknown = names.first(where: { name in !Row.all.contains { $0.name == name } }) {
      throw ValidationError("there is no row \(unknown); there are \(Row.all.map(\.name).joined(separator: ", "))")
    }
    if !(1...1000).contains(runs) { throw ValidationError("--runs must be from 1 to 1000") }
    if !(100...10_000_000).contains(requests) { throw ValidationError("--requests must be from 100 to 10000000") }
  }

  static func main() async {
    // A connection that breaks must be an error, not the end of the process.
    signal(SIGPIPE, SIG_IGN)
    var status: Int32 = 0
    do {
      var command = try parseAsRoot()
      if let bench = command as? Bench { try await bench.run() } else { try command.run() }
    } catch {
      let message = error is BenchFailure ? "bench: \(error)" : fullMessage(for: error)
      status = error is BenchFailure ? 1 : exitCode(for: error).rawValue
      if !message.isEmpty { if status == 0 { print(message) } else { say(message) } }
    }
    fflush(nil)
    // Not `exit`: OpenSSL's exit handler frees what the threads of connections may be using.
    _exit(status)
  }

  func run() async throws {
    if check { return }
    guard let control = ProcessInfo.processInfo.environment["TICKETHUB_LOCAL"] else {
      throw BenchFailure("TICKETHUB_LOCAL is not set; ./compose/local bench runs this")
    }
    var lab = try await Lab.find(control, isLong: long, spike: requests)
    let rows = Row.selected(names)
    var results = Results(
      of: rows, runs: runs, requests: requests, startedAt: Date.now.formatted(.iso8601), machine: Self.machine)
    for run in 1...runs { try await measure(rows, run, in: &lab, &results) }
    await results.add(auditOf: lab)
    print(results.text())
    if let json { try write(Data(results.json().utf8), to: json) }
    if let html { try write(Data(results.html().utf8), to: html) }
    if !results.isSound { throw ExitCode(1) }
  }

  /// All rows once, one after the other: what drifts on a machine drifts for all of them.
  private func measure(_ rows: [Row], _ run: Int, in lab: inout Lab, _ results: inout Results) async throws {
    var values: Row.Values = [:]
    for row in rows {
      if row.startsAfresh {
        await results.add(auditOf: lab)
        say("run \(run) of \(runs), \(row.name): starting with nothing")
        lab = try await lab.afresh()
      }
      let began = monotonicNanoseconds()
      do {
        let measurement = try await row.measure(lab, values)
        values.merge(measurement.values) { $1 }
        results.add(measurement, of: row)
        let seconds = Double(monotonicNanoseconds() - began) / 1e9
        let first = row.figures.first.flatMap { figure in
          measurement.values[figure.key].map { "\(figure.title) \(Text.number($0)) \(figure.unit)" }
        }
        say("run \(run) of \(runs), \(row.name), \(Text.number(seconds)) s: \(first ?? "-")")
      } catch {
        results.failures.append("\(row.name), run \(run): \(error)")
        say("run \(run) of \(runs), \(row.name) FAILED: \(error)")
      }
    }
    results.addRatios(values)
  }

  private static var machine: String {
    let information = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
    let model =
      information.split(separator: "\n").first { $0.hasPrefix("model name") }?.split(separator: ":").last ?? "unknown CPU"
    let gigabytes = Double(ProcessInfo.processInfo.physicalMemory) / 1e9
    return "\(ProcessInfo.processInfo.activeProcessorCount) × \(model.trimmingCharacters(in: .whitespaces)), "
      + "\(Int(gigabytes.rounded())) GB"
  }

  private func write(_ data: Data, to file: String) throws {
    do {
      try data.write(to: URL(fileURLWithPath: file))
    } catch {
      throw BenchFailure("\(file) can't be written: \(error.localizedDescription)")
    }
  }
}

extension Row {
  static let all = [hot, broker, http, reads, openHalf, overload, spread, seats, cold, memory, postgresql, growth]

  /// The rows of these names and those that they need, in the order in which they are measured; all for no names.
  static func selected(_ names: [String]) -> [Row] {
    if names.isEmpty { return all }
    let needed = Set(names).union(all.filter { names.contains($0.name) }.flatMap(\.needs))
    return all.filter { needed.contains($0.name) }
  }
}

/// Writes a line to standard error.
func say(_ text: String) {
  let bytes = Array((text + "\n").utf8)
  // Nobody could be told if this failed.
  _ = Glibc.write(STDERR_FILENO, bytes, bytes.count)
}

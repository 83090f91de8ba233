import Glibc
import Ticketing

/// What an event's reservations of one ticket take in a worker's memory.
enum Memory {
  /// Prints the bytes for each of so many reservations, those of its seat included. What was freed meanwhile and not given back to the
  /// system counts: so each measurement wants a process of its own.
  static func report(_ venue: String, reservations: Int) {
    let section = venue == "seated" ? hall(rows: (reservations + 99) / 100) : standing()
    keep(Sale([section], holds: 1000))  // the code's own pages, and the heap's first
    let before = residentBytes
    let sale = Sale([section])
    for _ in 0..<reservations { sale.reserve(.best(section: 0, quantity: 1, adjacent: true)) }
    print("bytes: a reservation of \(reservations), \(venue)", (residentBytes - before) / reservations, separator: "\t")
    keep(sale)
  }

  private static var residentBytes: Int {
    guard let file = fopen("/proc/self/statm", "r") else { return 0 }
    defer { fclose(file) }
    var (all, resident) = (0, 0)
    withUnsafeMutablePointer(to: &all) { all in
      withUnsafeMutablePointer(to: &resident) { resident in
        _ = withVaList([all, resident]) { vfscanf(file, "%ld %ld", $0) }
      }
    }
    return resident * sysconf(CInt(_SC_PAGESIZE))
  }
}

import Testing

@testable import Gateway

struct RecentlyUsedTests {
  @Test func `what is in use stays, however much comes after it`() {
    var memory = RecentlyUsed<Int, Int>(maximumSize: 10)
    memory.insert(0, as: 0)
    for number in 1...1000 {
      memory.insert(number, as: number)
      #expect(memory.value(0) == 0 && memory.value(number) == number)
    }
  }

  @Test func `as many stay as fit into a half of it at least, and never more than fit`() {
    var memory = RecentlyUsed<Int, [Int]>(maximumSize: 100) { $0.count }
    for number in 1...1000 {
      memory.insert(Array(repeating: number, count: 5), as: number)
      let kept = (max(1, number - 30)...number).filter { number in
        var copy = memory
        return copy.value(number) != nil
      }
      #expect(kept == Array((number - kept.count + 1)...number) && kept.count >= min(number, 10) && kept.count <= 20)
    }
  }

  @Test func `what takes more than a half has it for itself`() {
    var memory = RecentlyUsed<Int, Int>(maximumSize: 10) { $0 }
    memory.insert(1, as: 1)
    memory.insert(20, as: 2)
    #expect(memory.value(2) == 20)
    memory.insert(3, as: 3)
    memory.insert(4, as: 4)
    #expect(memory.value(2) == nil && memory.value(4) == 4)
  }

  @Test func `one that is put in again is the newer one, and counts once`() {
    var memory = RecentlyUsed<Int, String>(maximumSize: 4)
    for text in ["a", "b", "c"] { memory.insert(text, as: 1) }
    #expect(memory.value(1) == "c")
    memory.insert("x", as: 2)
    #expect(memory.value(1) == "c" && memory.value(2) == "x")
  }
}

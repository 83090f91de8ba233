// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .treatAllWarnings(as: .error),
]

/// A target with the project's settings. Dependencies point one way: tickethub → Gateway, Worker, Backends → Pipeline → Ticketing,
/// Backends → Verification → Pipeline, and Backends → the three clients → their C module and BlockingThread.
func target(_ name: String, _ dependencies: [Target.Dependency] = [], resources: [Resource]? = nil) -> Target {
  .target(name: name, dependencies: dependencies, resources: resources, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource]? = nil) -> Target {
  .testTarget(name: name, dependencies: dependencies, resources: resources, swiftSettings: strict)
}

let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")

let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")

let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")

let package = Package(
  name: "tickethub",
  products: [
    .executable(name: "tickethub", targets: ["tickethub"]),
    .library(name: "RabbitMQ", targets: ["RabbitMQ"]),
    .library(name: "PostgreSQL", targets: ["PostgreSQL"]),
    .library(name: "Redis", targets: ["Redis"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-log", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.0.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.6.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.80.0"),
    .package(url: "https://github.com/apple/swift-nio-extras", from: "1.20.0"),
    .package(url: "https://github.com/apple/swift-http-types", from: "1.3.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.0.0"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.6.0"),
    // Without its trait for JSON files, which brings all of Foundation into the processes.
    .package(url: "https://github.com/apple/swift-configuration", from: "1.0.0", traits: []),
    .package(url: "https://github.com/apple/swift-system", from: "1.5.0"),
    .package(url: "https://github.com/google/swift-benchmark", from: "0.1.2"),
  ],
  targets: [
    .systemLibrary(name: "CRabbitMQ", pkgConfig: "librabbitmq", providers: [.apt(["librabbitmq-dev"])]),
    .systemLibrary(name: "CPostgreSQL", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
    // No pkgConfig: hiredis' carries a flag that SwiftPM refuses.
    .systemLibrary(name: "CHiredis", providers: [.apt(["libhiredis-dev"])]),
    target("BlockingThread", ["CPoll"]),
    target("RabbitMQ", ["BlockingThread", "CRabbitMQ"]),
    target("PostgreSQL", ["BlockingThread", "CPostgreSQL", logging]),
    target("Redis", ["BlockingThread", "CHiredis", logging]),
    target("Telemetry"),
    target("Ticketing"),
    target("Pipeline", ["Ticketing", crypto]),
    target("Verification", ["Pipeline", "Ticketing"]),
    .systemLibrary(name: "CArgon2", pkgConfig: "libargon2", providers: [.apt(["libargon2-dev"])]),
    target(
      "Backends",
      ["Pipeline", "Ticketing", "Verification", "RabbitMQ", "PostgreSQL", "Redis", "BlockingThread", "CArgon2", logging]),
    target(
      "Gateway",
      [
        "BlockingThread", "Pipeline", "Telemetry", "Ticketing", crypto, logging, lifecycle,
        nioCore, nioPosix, nioHTTP1,
        .product(name: "NIOExtras", package: "swift-nio-extras"),
      ],
      resources: [.embedInCode("openapi.yaml"), .embedInCode("openapi.json")]),
    target("Worker", ["BlockingThread", "Pipeline", "Telemetry", "Ticketing", logging, lifecycle]),
    target("LoadTest", [nioCore, nioPosix]),
    .executableTarget(
      name: "tickethub",
      dependencies: [
        "Gateway", "Worker", "Backends", "LoadTest", "Verification", "Pipeline", "Telemetry", "Ticketing", "PostgreSQL", "Redis",
        "BlockingThread", logging, lifecycle,
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Configuration", package: "swift-configuration"),
        .product(name: "SystemPackage", package: "swift-system"),
      ],
      swiftSettings: strict),
    .executableTarget(
      name: "simulate",
      dependencies: [
        "Gateway", "Worker", "Pipeline", "Ticketing", logging, lifecycle,
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      path: "Sources/Simulation", swiftSettings: strict),
    .executableTarget(
      name: "microbench",
      dependencies: ["Gateway", "Pipeline", "Ticketing", .product(name: "Benchmark", package: "swift-benchmark")],
      path: "Tests/Microbench", exclude: ["instructions"], swiftSettings: strict),
    // No pkgConfig and nothing to install: it is Linux's own.
    .systemLibrary(name: "CEpoll"),
    .systemLibrary(name: "CPoll"),
    .executableTarget(
      name: "bench",
      dependencies: [
        "Backends", "Pipeline", "Ticketing", "PostgreSQL", "RabbitMQ", "Redis", "CEpoll",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      path: "Sources/Bench", swiftSettings: strict),
    .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: strict),
    tests("TestSupportTests", ["TestSupport"]),
    tests("BlockingThreadTests", ["BlockingThread"]),
    tests("RabbitMQTests", ["CRabbitMQ", "RabbitMQ", "TestSupport"]),
    tests("PostgreSQLTests", ["PostgreSQL", "TestSupport"]),
    tests("RedisTests", ["Redis", "TestSupport"]),
    tests("TelemetryTests", ["Telemetry"]),
    tests("TicketingTests", ["Ticketing", "TestSupport"]),
    tests("PipelineTests", ["Pipeline", "TestSupport", "Ticketing"]),
    tests(
      "GatewayTests",
      [
        "Gateway", "Pipeline", "Telemetry", "TestSupport", "Ticketing", logging, lifecycle,
        .product(name: "HTTPTypes", package: "swift-http-types"),
        nioCore, nioHTTP1,
        .product(name: "NIOEmbedded", package: "swift-nio"),
        .product(name: "NIOExtras", package: "swift-nio-extras"),
        .product(name: "Yams", package: "Yams"),
      ]),
    // The processes under test are the executable's own: it is named here so that it is built before the tests run.
    .target(
      name: "TicketHubTestSupport", dependencies: ["Pipeline", "TestSupport", "Ticketing"], path: "Tests/TicketHubTestSupport",
      swiftSettings: strict),
    tests("EndToEndTests", ["Pipeline", "TestSupport", "TicketHubTestSupport", "Ticketing", "tickethub"]),
    .testTarget(
      name: "FaultTests",
      dependencies: [
        "Backends", "BackendsTestSupport", "Pipeline", "PostgreSQL", "RabbitMQ", "Redis", "TestSupport", "TicketHubTestSupport",
        "Ticketing", "tickethub",
      ],
      path: "Tests/Faults", swiftSettings: strict),
    tests("SimulationTests", ["simulate", "TestSupport"]),
    tests("BenchTests", ["bench", "Pipeline", "TestSupport", "TicketHubTestSupport", "Ticketing", "tickethub"]),
    .target(
      name: "BackendsTestSupport",
      dependencies: ["Backends", "Verification", "Pipeline", "Ticketing", "PostgreSQL", "Redis", "TestSupport"],
      path: "Tests/BackendsTestSupport", swiftSettings: strict),
    tests(
      "BackendsTests",
      [
        "Backends", "Verification", "Worker", "Pipeline", "Ticketing", "PostgreSQL", "CPostgreSQL", "RabbitMQ", "Redis",
        "BackendsTestSupport", "TestSupport", logging,
      ]),
    tests(
      "WorkerTests",
      [
        "Worker", "Backends", "BlockingThread", "Pipeline", "Telemetry", "Ticketing", "PostgreSQL", "RabbitMQ", "Redis",
        "BackendsTestSupport", "TestSupport", logging, lifecycle,
      ]),
    tests("LoadTestTests", ["LoadTest", nioCore, nioPosix, nioHTTP1]),
  ]
)

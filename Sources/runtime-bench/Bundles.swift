// The bundles of the benchmark: one rootfs with busybox-static, the config of `spec`, and the changes for each
// measurement.

internal import Foundation
internal import Glibc

/// A directory that is removed at the end of the benchmark.
struct WorkFolder {
    let path: String

    init() throws {
        var template = Array("/tmp/runtime-bench.XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw BenchFailure("/tmp: cannot make a directory") }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    func remove() { try? FileManager.default.removeItem(atPath: path) }
}

/// A bundle whose program ends at once, and one whose program stays.
struct Bundle {
    let path: String
    let rootfs: String
    let idle: String
}

/// All bundles, with one rootfs.
struct Bundles {
    let plain: Bundle
    let seccomp: Bundle
    private let folder: String
    private let config: [String: Any]

    /// The bundle whose program stays.
    var idle: String { plain.idle }

    /// Creates them; `specification` is the runtime whose `spec` writes the config.
    init(folder: String, profile: String, specification: String) throws {
        self.folder = folder
        let files = FileManager.default
        let rootfs = folder + "/rootfs"
        for name in ["bin", "proc", "dev", "sys"] {
            try files.createDirectory(atPath: "\(rootfs)/\(name)", withIntermediateDirectories: true)
        }
        try files.copyItem(atPath: "/bin/busybox", toPath: rootfs + "/bin/busybox")
        for applet in ["true", "sleep"] {
            try files.createSymbolicLink(atPath: "\(rootfs)/bin/\(applet)", withDestinationPath: "busybox")
        }
        _ = try Started([specification, "spec", "--bundle", folder]).succeed()
        let text = try Data(contentsOf: URL(fileURLWithPath: folder + "/config.json"))
        guard var config = try JSONSerialization.jsonObject(with: text) as? [String: Any] else {
            throw BenchFailure("the config of \(specification) spec is no object")
        }
        // Debian's crun 1.8 accepts no later version.
        config["ociVersion"] = "1.0.2"
        config["root"] = ["path": rootfs, "readonly": true] as [String: Any]
        config.change("process") { $0["terminal"] = false }
        self.config = config
        plain = try Self.write(config, folder, "plain")
        var filtered = config
        let rules = try EngineProfile(path: profile).rules
        filtered.change("linux") { $0["seccomp"] = rules }
        seccomp = try Self.write(filtered, folder, "seccomp")
    }

    /// The plain bundle with a memory limit.
    func limited(bytes: Int) throws -> Bundle {
        var changed = config
        changed.change("linux") { $0.change("resources") { $0["memory"] = ["limit": bytes] } }
        return try Self.write(changed, folder, "limited")
    }

    private static func write(_ config: [String: Any], _ folder: String, _ name: String) throws -> Bundle {
        func bundle(_ suffix: String, _ arguments: [String]) throws -> String {
            var changed = config
            changed.change("process") { $0["args"] = arguments }
            let path = "\(folder)/\(name)\(suffix)"
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            try JSONSerialization.data(withJSONObject: changed).write(to: URL(fileURLWithPath: path + "/config.json"))
            return path
        }
        return Bundle(
            path: try bundle("", ["/bin/true"]), rootfs: folder + "/rootfs",
            idle: try bundle("-idle", ["/bin/sleep", "3600"]))
    }
}

/// The engines' default seccomp profile for a container with the capabilities of `spec`. Engines resolve the
/// profile's conditions before a runtime gets it, and so does this type.
struct EngineProfile {
    let rules: [String: Any]

    init(path: String) throws {
        let data = try Data(contentsOf: URL(fileURLWithPath: path))
        guard let profile = try JSONSerialization.jsonObject(with: data) as? [String: Any],
            let calls = profile["syscalls"] as? [[String: Any]]
        else { throw BenchFailure("\(path): no seccomp profile") }
        let kept = calls.filter { rule in
            let includes = rule["includes"] as? [String: Any] ?? [:]
            let architectures = includes["arches"] as? [String] ?? []
            return includes["caps"] == nil && (architectures.isEmpty || architectures.contains("amd64"))
                && (rule["excludes"] as? [String: Any])?["arches"].map { !("\($0)".contains("amd64")) } ?? true
        }
        let properties = ["names", "action", "args", "errnoRet"]
        rules = [
            "defaultAction": profile["defaultAction"] ?? "SCMP_ACT_ERRNO",
            "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
            "syscalls": kept.map { rule in
                rule.filter { properties.contains($0.key) && !($0.value is NSNull) }
            },
        ]
    }
}

extension [String: Any] {
    /// Changes the object under a key.
    mutating func change(_ key: String, _ body: (inout [String: Any]) -> Void) {
        var object = self[key] as? [String: Any] ?? [:]
        body(&object)
        self[key] = object
    }
}

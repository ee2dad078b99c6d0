// Properties that the specification does not define are reported with their place and the most similar known
// property.

import Foundation
import Testing

@testable import OCISpec

struct UnknownPropertyTests {
    private func unknown(_ config: String) throws -> [String] {
        var found: [String] = []
        _ = try Spec(config: Array(config.utf8)) { found.append($0) }
        return found
    }

    @Test(
        "an unknown property is named with its place and the nearest known one",
        arguments: [
            (#""linux": { "resource": {} }"#, "linux.resource", "resources"),
            (#""hostnam": "x""#, "hostnam", "hostname"),
            (#""mounts": [{ "destination": "/", "opions": [] }]"#, "mounts[0].opions", "options"),
            (#""linux": { "resources": { "memory": { "limt": 1 } } }"#, "linux.resources.memory.limt", "limit"),
            (
                #""linux": { "resources": { "blockIO": { "throttleReadBpsDevce": [] } } }"#,
                "linux.resources.blockIO.throttleReadBpsDevce", "throttleReadBpsDevice"
            ),
            (
                #""linux": { "netDevices": { "eth0": { "nmae": "x" } } }"#, "linux.netDevices.eth0.nmae", "name"
            ),
            (#""process": { "cwd": "/", "usr": null }"#, "process.usr", "user"),
            (#""linux": { "zzzzzzzzzzzz": 1 }"#, "linux.zzzzzzzzzzzz", ""),
        ])
    func named(property: String, place: String, nearest: String) throws {
        let found = try unknown(#"{ "ociVersion": "1.0.0", \#(property) }"#)
        let hint = nearest.isEmpty ? "" : " (did you mean \(nearest)?)"
        #expect(found == ["\(place): no property of the specification, and ignored\(hint)"])
    }

    @Test(
        "so are those of the documents that commands read",
        arguments: [
            (#"[{ "destination": "/m", "optoins": ["ro"] }]"#, "mounts[0].optoins", "options"),
            (#"[{ "destination": "/m" }, { "destination": "/n", "sourc": "/s" }]"#, "mounts[1].sourc", "source"),
            (
                #"[{ "destination": "/m", "uidMappings": [{ "containerID": 0, "hostID": 1, "size": 1, "#
                    + #""containerId2": 1 }] }]"#,
                "mounts[0].uidMappings[0].containerId2", "containerID"
            ),
        ])
    func ofMounts(list: String, place: String, nearest: String) throws {
        var found: [String] = []
        _ = try [Mount](mounts: Array(list.utf8)) { found.append($0) }
        #expect(found == ["\(place): no property of the specification, and ignored (did you mean \(nearest)?)"])
    }

    @Test(
        "of a process too",
        arguments: [
            (#""noNewPrivilege": true"#, "noNewPrivilege", "noNewPrivileges"),
            (#""capabilites": {}"#, "capabilites", "capabilities"), (#""rlimts": []"#, "rlimts", "rlimits"),
            (#""user": { "uid": 0, "gid": 0, "umaks": 2 }"#, "user.umaks", "umask"),
            (#""capabilities": { "bouding": [] }"#, "capabilities.bouding", "bounding"),
        ])
    func ofProcess(property: String, place: String, nearest: String) throws {
        var found: [String] = []
        _ = try Process(process: Array(#"{ "cwd": "/", \#(property) }"#.utf8)) { found.append($0) }
        #expect(found == ["\(place): no property of the specification, and ignored (did you mean \(nearest)?)"])
    }

    @Test("a hundred thousand of them are counted, and twenty named")
    func bounded() throws {
        let properties = (0..<100_000).map { "\"zz\($0)\": 1" }.joined(separator: ",")
        let found = try unknown("{ \"ociVersion\": \"1.0.0\", \(properties) }")
        #expect(found.count == 21)
        #expect(found.last == "99980 further properties are not of the specification, and ignored")
    }

    @Test(
        "keys of maps, other spellings and other platforms' objects are none",
        arguments: [
            #""annotations": { "hostnam": "x" }"#, #""HOSTNAME": "x""#, #""windows": { "anything": {} }"#,
            #""linux": { "sysctl": { "kernel.x": "1" }, "resources": { "unified": { "memory.high": "1" } } }"#,
            #""linux": { "timeOffsets": { "monotonic": { "secs": 1 } } }"#,
        ])
    func none(property: String) throws {
        #expect(try unknown(#"{ "ociVersion": "1.0.0", \#(property) }"#) == [])
    }

    @Test("the table contains every property that a decoder reads")
    func current() throws {
        let sources = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Sources/OCISpec")
        let known = Set(KnownProperties.ofConfig.flatMap { $0.names.split(separator: " ").map(String.init) })
        let ofOthers = ["Features+JSON.swift", "State+JSON.swift"]
        for file in try FileManager.default.contentsOfDirectory(atPath: sources.path)
        where file.hasSuffix("+JSON.swift") {
            guard !ofOthers.contains(file) else { continue }
            let text = try String(contentsOf: sources.appending(path: file), encoding: .utf8)
            for match in text.matches(of: /(?:optional|required|nonEmpty)\("(\w+)"/) {
                #expect(known.contains(String(match.1)), "\(match.1) of \(file) is missing in KnownProperties")
            }
        }
    }

    @Test("valid configs have no unknown property")
    func fixtures() throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(
            path: "../../spec-fixtures/config/valid")
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".json") }
        #expect(!files.isEmpty)
        var strange: Set<String> = []
        for file in files {
            let bytes = Array(try Data(contentsOf: folder.appending(path: file)))
            _ = try? Spec(config: bytes) { strange.insert("\(file): \($0)") }
        }
        // One fixture has them on purpose, according to its name.
        #expect(strange.filter { !$0.contains("unknown") } == [])
    }
}

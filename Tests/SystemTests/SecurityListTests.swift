// Checks that the list of defended attacks names existing tests.

import Foundation
import Testing

@Suite
struct SecurityListTests {
    private static let bundles = RuntimeUnderTest.checkout + "/spec-fixtures/bundles"

    /// The columns: entry, attack, defence, tests, without, peers; a column may be empty.
    private static func columns(_ line: Substring) -> [String] {
        line.split(separator: "|", omittingEmptySubsequences: false).dropFirst().dropLast()
            .map { $0.trimmingCharacters(in: .whitespaces) }
    }

    private static func lines() throws -> [Substring] {
        let text = try String(contentsOfFile: bundles + "/SECURITY.md", encoding: .utf8)
        return text.split(separator: "\n").filter { $0.hasPrefix("| ") }.dropFirst().map { $0 }
    }

    /// The fourth column: names of cases, and `File.swift:name` for tests, whose names may contain commas.
    private static func namedTests(_ line: Substring) throws -> [String] {
        let columns = columns(line)
        guard columns.count == 6 else { return [] }
        var names: [String] = []
        for part in columns[3].components(separatedBy: ", ") {
            if part.contains("/") || part.contains(".swift:") {
                names.append(part)
            } else {
                let beginning = try #require(names.last, "\(line)")
                names[names.count - 1] = beginning + ", " + part
            }
        }
        return names
    }

    @Test func `every named test exists`() throws {
        let lines = try Self.lines()
        #expect(lines.count >= 36)
        let tests = RuntimeUnderTest.checkout + "/Tests"
        let sources = try FileManager.default.subpathsOfDirectory(atPath: tests).filter { $0.hasSuffix(".swift") }
        for line in lines {
            let names = try Self.namedTests(line)
            #expect(!names.isEmpty, "\(line)")
            for name in names {
                let parts = name.split(separator: ":", maxSplits: 1).map(String.init)
                if parts.count == 1 {
                    #expect(FileManager.default.fileExists(atPath: "\(Self.bundles)/\(name)/case.json"), "\(name)")
                    continue
                }
                let source = try #require(sources.first { $0.hasSuffix("/" + parts[0]) }, "\(parts[0])")
                let content = try String(contentsOfFile: tests + "/" + source, encoding: .utf8)
                #expect(content.contains("func `" + parts[1]), "\(name)")
            }
        }
    }

    /// A test that was never seen to fail proves nothing: each entry says without which defence its tests fail.
    @Test func `every entry says without which defence its tests fail`() throws {
        for line in try Self.lines() {
            let columns = Self.columns(line)
            #expect(columns.count == 6, "\(line)")
            #expect(columns.allSatisfy { !$0.isEmpty }, "\(line)")
        }
    }

    /// A security case that is not on the list would be forgotten.
    @Test func `every security case is on the list`() throws {
        let text = try String(contentsOfFile: Self.bundles + "/SECURITY.md", encoding: .utf8)
        let elsewhere: Set<String> = [
            "caller-cannot-be-traced", "kcore-and-friends", "root-is-the-only-mount-of-the-host",
        ]
        for name in try FileManager.default.contentsOfDirectory(atPath: Self.bundles + "/security") {
            if name.hasPrefix("cwd-through-descriptor-") || elsewhere.contains(name) { continue }
            #expect(text.contains("security/" + name), "\(name)")
        }
    }
}

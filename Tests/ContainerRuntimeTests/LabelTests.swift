// Which file of a process gets the name of an AppArmor profile, in a directory that stands in for /proc.

import Foundation
import Kernel
import Kernel
import Testing

@testable import ContainerRuntime

struct LabelTests {
    private static let shared = "attr/exec"
    private static let own = "attr/apparmor/exec"

    /// - Parameter files: those that exist.
    private func write(files: [String], _ body: (URL) throws -> Void = { _ in }) throws -> [String: String] {
        let proc = FileManager.default.temporaryDirectory.appending(path: "proc-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: proc) }
        let process = proc.appending(path: "42")
        try FileManager.default.createDirectory(at: process, withIntermediateDirectories: true)
        for file in files {
            let url = process.appending(path: file)
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data().write(to: url)
        }
        try body(process)
        let standIn = try PrivateProc(standIn: OwnedDescriptor.open(proc.path, [.path, .directory]))
        try standIn.writeProfile("web", of: "42")
        var contents: [String: String] = [:]
        for file in files { contents[file] = try String(contentsOf: process.appending(path: file), encoding: .utf8) }
        return contents
    }

    @Test func `AppArmor's own file comes before the one that modules share`() throws {
        #expect(try write(files: [Self.shared, Self.own]) == [Self.shared: "", Self.own: "exec web"])
    }

    @Test func `without AppArmor's own file the shared one is written`() throws {
        #expect(try write(files: [Self.shared]) == [Self.shared: "exec web"])
    }

    @Test func `without any file the profile is refused`() throws {
        #expect(throws: Errno.noSuchFileOrDirectory) { try write(files: []) }
    }

    // A mount over /proc/PID/attr, as of CVE-2019-16884, is a mount and not a link; a link is refused the same way.
    @Test func `a file that is a link is refused, and the shared one is not written`() throws {
        #expect(throws: Errno.tooManySymbolicLinkLevels) {
            try write(files: [Self.shared]) { process in
                let folder = process.appending(path: "attr/apparmor")
                try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
                try FileManager.default.createSymbolicLink(
                    at: folder.appending(path: "exec"), withDestinationURL: process.appending(path: Self.shared))
            }
        }
    }
}

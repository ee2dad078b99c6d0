// The paths that clients give for streams: files, links, devices, FIFOs.

import Foundation
import Glibc
import ShimAPI
import SwiftProtobuf
import TTRPC
import Testing

extension ShimCallTests {
    /// Something at the path that a client names.
    enum Place: String, CaseIterable, Sendable {
        case nothing, file, link, danglingLink, linkToLink, linkToDirectory, linkToDevice, linkToDisk, linkToFIFO
        case secondName, secondNameInOwnDirectory, fifo, unreadFIFO, socket, directory, belowLink, notUTF8, zeroByte

        /// Links to files are not followed, and a second name may be of anybody's file.
        var refusal: String? {
            switch self {
            case .link, .linkToLink, .linkToDisk: "it is a link, which is not followed to a file"
            case .danglingLink: "no such file or directory"
            case .linkToDirectory, .directory: "is a directory"
            case .secondName: "it is a second name of a file, in a directory where everybody can make one"
            case .unreadFIFO: "(nobody reads from it)"
            case .socket: "no such device or address"
            case .zeroByte: "it holds a zero byte"
            default: nil
            }
        }
    }

    /// Whose path it is.
    enum Stream: String, CaseIterable, Sendable { case logFile, output, error, input }

    @Test(arguments: Stream.allCases)
    func `streams follow no link to a file, and no second name of one`(_ stream: Stream) async throws {
        for place in Place.allCases {
            // A plain path is not made, and a FIFO's reader is waited for.
            if stream != .logFile, place == .unreadFIFO || place == .nothing { continue }
            try await withShim("c1", "cat; echo out; echo err >&2") { host, shim in
                symlinkApplets(["cat"], host)
                var site = try Site(place, host.directory)
                defer { site.close() }
                var request = create("c1", host)
                switch stream {
                case .logFile: request.stdout = "file://" + site.address
                case .output: request.stdout = site.plain
                case .error: request.stderr = site.plain
                case .input: request.stdin = site.plain
                }
                if let words = place.refusal {
                    let message = try await shim.refusal("Create", request)?.message ?? "no refusal"
                    #expect(message.hasSuffix(words), "\(place): \(message)")
                } else {
                    // A writer of ours would keep the end of input away.
                    if stream == .input { site.close() }
                    try await runToEnd(request, shim, closingInput: stream == .input)
                    if stream != .input, let file = site.written {
                        let text = stream == .error ? "err\n" : stream == .output ? "out\n" : "out\nerr\n"
                        #expect(try String(contentsOfFile: file, encoding: .utf8).hasSuffix(text), "\(place)")
                    }
                }
                #expect(try String(contentsOfFile: site.victim, encoding: .utf8) == "precious\n", "\(place)")
            }
        }
    }

    /// More than the relay carries in one turn, from what has no readiness.
    @Test func `a file as input is read to its end`() async throws {
        try await withShim("c1", "wc -c") { host, shim in
            symlinkApplets(["wc"], host)
            let size = 40 << 20
            let input = host.directory + "/input"
            try Data(count: size).write(to: URL(fileURLWithPath: input))
            var request = create("c1", host)
            request.stdin = input
            request.stdout = "file://\(host.directory)/size"
            try await runToEnd(request, shim)
            let text = try String(contentsOfFile: host.directory + "/size", encoding: .utf8)
            #expect(text == "\(size)\n")
        }
    }

    private func runToEnd(
        _ request: TaskCreateRequest, _ shim: ShimConnection, closingInput: Bool = false
    ) async throws {
        let _: TaskCreateResponse = try await shim.ask("Create", request)
        let _: TaskStartResponse = try await shim.ask("Start", process("c1"))
        if closingInput {
            try await shim.tell(
                "CloseIO",
                TaskCloseIORequest.with { close in
                    close.id = "c1"
                    close.stdin = true
                })
        }
        let waited: TaskWaitResponse = try await shim.ask("Wait", process("c1"))
        #expect(waited.exitStatus == 0)
        let _: TaskDeleteResponse = try await shim.ask("Delete", process("c1"))
    }

    /// A directory with a file that must stay as it is, and the path that is given to the shim.
    private struct Site {
        let victim: String
        /// In an address, with percent encoding.
        private(set) var address: String
        private(set) var plain: String
        /// Where output must be found.
        private(set) var written: String?
        private var open: [Int32] = []

        init(_ place: Place, _ parent: String) throws {
            let directory = parent + "/site"
            mkdir(directory, 0o755)
            chmod(directory, place == .secondNameInOwnDirectory ? 0o755 : 0o1777)
            victim = parent + "/victim"
            let path = directory + "/log"
            address = path
            plain = path
            try "precious\n".write(toFile: victim, atomically: false, encoding: .utf8)
            try make(place, path, directory)
        }

        private mutating func make(_ place: Place, _ path: String, _ directory: String) throws {
            let other = directory + "/other"
            switch place {
            case .nothing: written = path
            case .file: try touch(path)
            case .link: symlink(victim, path)
            case .danglingLink: symlink(other, path)
            case .linkToLink:
                symlink(victim, other)
                symlink(other, path)
            case .linkToDirectory: symlink(directory, path)
            case .linkToDevice: symlink("/dev/null", path)
            case .linkToDisk:
                // Of no driver: it must not even be opened.
                mknod(other, S_IFBLK | 0o600, dev_t(240 << 8 | 7))
                symlink(other, path)
            case .linkToFIFO:
                mkfifo(other, 0o600)
                symlink(other, path)
                open.append(Glibc.open(other, O_RDWR | O_NONBLOCK))
            case .secondName: link(victim, path)
            case .secondNameInOwnDirectory:
                try touch(other)
                link(other, path)
                written = path
            case .fifo:
                mkfifo(path, 0o600)
                open.append(Glibc.open(path, O_RDWR | O_NONBLOCK))
            case .unreadFIFO: mkfifo(path, 0o600)
            case .socket: mknod(path, S_IFSOCK | 0o600, 0)
            case .directory: mkdir(path, 0o755)
            case .belowLink:
                mkdir(other, 0o755)
                symlink(other, directory + "/link")
                address = directory + "/link/log"
                plain = address
                try touch(other + "/log")
            case .notUTF8:
                address = directory + "/%FFlog"
                plain = "fifo://" + address
                Glibc.close(creat(Array("\(directory)/".utf8.map(CChar.init) + [-1, 108, 111, 103, 0]), 0o644))
            case .zeroByte:
                address = victim + "%00x"
                plain = victim + "\0x"
            }
        }

        private mutating func touch(_ path: String) throws {
            try "".write(toFile: path, atomically: false, encoding: .utf8)
            written = path
        }

        mutating func close() {
            for descriptor in open { Glibc.close(descriptor) }
            open = []
        }
    }
}

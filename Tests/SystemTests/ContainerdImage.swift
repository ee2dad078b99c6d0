// An image of busybox, built by the tests.

import Foundation
import Subprocess
import SystemPackage

/// The image of all engine tests: busybox, its applets, and two users. docker reads manifest.json, the others
/// index.json.
actor ContainerdImage {
    static let shared = ContainerdImage()
    private var making: Task<String, any Error>?

    /// The path of an OCI archive, made once.
    func archive() async throws -> String {
        let task = making ?? Task { try await make() }
        making = task
        return try await task.value
    }

    private func make() async throws -> String {
        let directory = "/tmp/busybox-image-\(getpid())"
        _ = try await shell(
            """
            rm -rf \(directory) && mkdir -p \(directory)/layer/bin \(directory)/blobs/sha256 && cd \(directory)/layer
            mkdir dev etc proc sys tmp root var
            cp /bin/busybox bin/busybox
            for applet in $(bin/busybox --list); do [ $applet = busybox ] || ln -s busybox bin/$applet; done
            printf 'root:x:0:0:root:/root:/bin/sh\\nuser:x:1000:1000::/tmp:/bin/sh\\n' > etc/passwd
            printf 'root:x:0:\\nuser:x:1000:\\n' > etc/group
            tar --sort=name --owner=0 --group=0 -cf ../blobs/layer .
            """)
        let layer = try await addBlob("blobs/layer", in: directory)
        let config = """
            {"architecture":"amd64","os":"linux","config":{"Env":["PATH=/bin"],"Cmd":["sh"]},\
            "rootfs":{"type":"layers","diff_ids":["sha256:\(layer.digest)"]}}
            """
        try config.write(toFile: directory + "/config", atomically: false, encoding: .utf8)
        let configBlob = try await addBlob("config", in: directory)
        let dockerManifest = """
            [{"Config":"blobs/sha256/\(configBlob.digest)","RepoTags":["\(ContainerdHost.image)"],\
            "Layers":["blobs/sha256/\(layer.digest)"]}]
            """
        try dockerManifest.write(toFile: directory + "/manifest.json", atomically: false, encoding: .utf8)
        let type = "application/vnd.oci.image"
        let manifest = """
            {"schemaVersion":2,"mediaType":"\(type).manifest.v1+json",\
            "config":{"mediaType":"\(type).config.v1+json",\(configBlob.descriptor)},\
            "layers":[{"mediaType":"\(type).layer.v1.tar",\(layer.descriptor)}]}
            """
        try manifest.write(toFile: directory + "/manifest", atomically: false, encoding: .utf8)
        let manifestBlob = try await addBlob("manifest", in: directory)
        let index = """
            {"schemaVersion":2,"manifests":[{"mediaType":"\(type).manifest.v1+json",\(manifestBlob.descriptor),\
            "annotations":{"io.containerd.image.name":"\(ContainerdHost.image)"}}]}
            """
        try index.write(toFile: directory + "/index.json", atomically: false, encoding: .utf8)
        try #"{"imageLayoutVersion":"1.0.0"}"#.write(
            toFile: directory + "/oci-layout", atomically: false, encoding: .utf8)
        let archive = ContainerdHost.checkout + "/.build/busybox-image.tar"
        _ = try await shell(
            """
            cd \(directory) && tar -cf \(archive) oci-layout index.json manifest.json blobs
            cd / && rm -rf \(directory)
            """)
        return archive
    }

    private struct Blob {
        var digest: String
        var size: Int
        var descriptor: String { "\"digest\":\"sha256:\(digest)\",\"size\":\(size)" }
    }

    private func addBlob(_ file: String, in directory: String) async throws -> Blob {
        let output = try await shell(
            """
            cd \(directory) && sum=$(sha256sum < \(file) | cut -d' ' -f1)
            mv \(file) blobs/sha256/$sum && echo $sum $(stat -c %s blobs/sha256/$sum)
            """)
        let words = output.split(whereSeparator: \.isWhitespace)
        return Blob(digest: words.first.map(String.init) ?? "", size: words.last.flatMap { Int($0) } ?? 0)
    }

    private func shell(_ script: String) async throws -> String {
        let result = try await Subprocess.run(
            .path("/bin/sh"), arguments: ["-ec", script], output: .string(limit: 1 << 16),
            error: .string(limit: 1 << 16))
        guard case .exited(0) = result.terminationStatus else {
            throw ImageFailure(description: "\(result.standardError)")
        }
        return result.standardOutput
    }

    private struct ImageFailure: Error, CustomStringConvertible { var description: String }
}

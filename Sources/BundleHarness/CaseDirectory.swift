// Finds cases below the directories on the command line.

internal import Glibc
internal import SystemPackage

/// The directory and the name of a case.
package struct CaseDirectory: Sendable, Equatable {
    package var name: String
    package var path: String

    package init(name: String, path: String) {
        self.name = name
        self.path = path
    }

    /// The cases in a directory and below it, sorted by name.
    ///
    /// A directory is a case if it contains a `case.json`, or, as a bundle, a `config.json`.
    /// - Throws: `CaseError` if the directory does not exist or contains no case, and if a part of it cannot be looked at: a
    /// case must not be left out without a word.
    package static func find(in directory: String) throws(CaseError) -> [CaseDirectory] {
        var top = absolute(directory)
        while top.count > 1 && top.last == "/" { top.removeLast() }
        guard isDirectory(top) else { throw CaseError("\(directory): no such directory") }
        var found: [CaseDirectory] = []
        func visit(_ path: String, _ parts: [String], above: [Identity]) throws(CaseError) {
            let names = try names(in: path)
            if names.contains("case.json") || names.contains("config.json") {
                found.append(
                    CaseDirectory(name: (parts.isEmpty ? [path.lastPart] : parts).joined(separator: "/"), path: path))
                return
            }
            for name in names {
                let inner = "\(path)/\(name)"
                guard let identity = try Identity(ofDirectory: inner) else { continue }
                if above.contains(identity) { throw CaseError("\(inner): a link to a directory above it") }
                try visit(inner, parts + [name], above: above + [identity])
            }
        }
        try visit(top, [], above: [try Identity(ofDirectory: top)].compactMap(\.self))
        if found.isEmpty { throw CaseError("\(directory): no case.json and no config.json below it") }
        return found
    }

    /// A directory, whatever path leads to it.
    private struct Identity: Equatable {
        let device: dev_t
        let inode: ino_t

        /// Nil for another kind of file.
        init?(ofDirectory path: String) throws(CaseError) {
            var facts = stat()
            try check(stat(path, &facts), path)
            guard facts.st_mode & S_IFMT == S_IFDIR else { return nil }
            (device, inode) = (facts.st_dev, facts.st_ino)
        }
    }

    /// Gives cases of the same name longer ones, with the directories above them: two groups may have a case in common. A case
    /// that was found twice is there once.
    package static func distinct(_ found: [CaseDirectory]) -> [CaseDirectory] {
        var seen: Set<String> = []
        var cases = found.filter { seen.insert(FilePath($0.path).lexicallyNormalized().string).inserted }
        while true {
            let same = Dictionary(grouping: cases.indices, by: { cases[$0].name }).values.filter { $0.count > 1 }
                .flatMap(\.self)
            if same.isEmpty { return cases }
            for index in same {
                let parts = FilePath(cases[index].path).lexicallyNormalized().string.split(separator: "/")
                let length = cases[index].name.split(separator: "/").count + 1
                cases[index].name = parts.suffix(length).joined(separator: "/")
            }
        }
    }

    /// Parses the case.
    /// - Throws: `CaseError` with the file and the key.
    package func load() throws(CaseError) -> Case {
        let names = try names(in: path)
        let configuration = names.contains("config.json") ? try readDocument(path + "/config.json") : nil
        let rootfs = isDirectory(path + "/rootfs") ? FilePath(path + "/rootfs") : nil
        let text =
            names.contains("case.json")
            ? try readDocument(path + "/case.json") : #"{ "about": "The bundle runs and its process succeeds." }"#
        do throws(CaseError) {
            return try Case(
                reading: text, name: name, directory: FilePath(path), configuration: configuration, rootfs: rootfs)
        } catch {
            throw error.within("\(path)/case.json")
        }
    }
}

// Reading a directory by its descriptor.

internal import CLinux

/// One name in a directory.
package struct DirectoryEntry: Equatable, Sendable {
    /// The kernel's bytes, ended by a zero. A name need not be UTF-8, and converted text would be another name.
    package var bytes: [CChar]
    /// The name as text, for names that the kernel or swiftrun chose, and for messages.
    package var name: String { unsafe RawText.text(bytes) }
    /// `DT_*` of readdir(3).
    package var kind: UInt8
    package var isDirectory: Bool { kind == 4 }  // DT_DIR
}

/// All entries of a directory except "." and "..". getdents64(2).
package func directoryEntries(_ directory: Int32) throws(Errno) -> [DirectoryEntry] {
    var entries: [DirectoryEntry] = []
    var buffer = [UInt8](repeating: 0, count: 8192)
    while true {
        let size = buffer.count
        let length = try checked {
            unsafe buffer.withUnsafeMutableBytes { unsafe clinux_getdents64(directory, $0.baseAddress, size) }
        }
        if length == 0 { return entries }
        unsafe buffer.withUnsafeBytes { bytes in
            var offset = 0
            while offset < length {
                // struct linux_dirent64: inode 8, offset 8, record length 2, kind 1, name.
                let record = unsafe Int(bytes.loadUnaligned(fromByteOffset: offset + 16, as: UInt16.self))
                let name = unsafe bytes[(offset + 19)..<(offset + record)].prefix { $0 != 0 }
                let dot = UInt8(ascii: ".")
                if unsafe !name.elementsEqual([dot]), unsafe !name.elementsEqual([dot, dot]) {
                    unsafe entries.append(
                        DirectoryEntry(bytes: name.map { CChar(bitPattern: $0) } + [0], kind: unsafe bytes[offset + 18])
                    )
                }
                offset += record
            }
        }
    }
}

package embedded_test

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"testing"

	"github.com/stretchr/testify/require"
)

// tarOf packs programs.
func tarOf(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	archive := tar.NewWriter(&out)
	for name, content := range files {
		require.NoError(t, archive.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(content)), Typeflag: tar.TypeReg}))
		_, err := archive.Write([]byte(content))
		require.NoError(t, err)
	}
	// What the real archives hold beside programs, and what they must not do.
	for _, entry := range []tar.Header{
		{Name: "./share/", Mode: 0o755, Typeflag: tar.TypeDir},
		{Name: "./lib/link", Linkname: "../bin/postgres", Typeflag: tar.TypeSymlink},
		{Name: "../../outside", Mode: 0o755, Typeflag: tar.TypeReg},
	} {
		require.NoError(t, archive.WriteHeader(&entry))
	}
	require.NoError(t, archive.Close())
	return out.Bytes()
}

// xzStored wraps data in the .xz format (version 1.2.1 of its specification) without compressing it, as Go can only
// read that format: one block of uncompressed LZMA2 chunks, without a check.
func xzStored(data []byte) []byte {
	flags := []byte{0, 0}
	var out bytes.Buffer
	out.WriteString("\xFD7zXZ\x00")
	out.Write(withCRC(flags))

	header := withCRC([]byte{2, 0, 0x21, 1, 0x16, 0, 0, 0}) // one filter: LZMA2 with a dictionary of 8 MiB
	chunks := lzma2Stored(data)
	out.Write(padded(append(header, chunks...)))

	index := []byte{0, 1}
	index = binary.AppendUvarint(index, uint64(len(header)+len(chunks)))
	index = binary.AppendUvarint(index, uint64(len(data)))
	index = withCRC(padded(index))
	out.Write(index)

	footer := binary.LittleEndian.AppendUint32(nil, uint32(len(index)/4-1))
	footer = append(footer, flags...)
	out.Write(binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(footer)))
	out.Write(footer)
	out.WriteString("YZ")
	return out.Bytes()
}

// lzma2Stored cuts data into chunks of at most 64 KiB; the first one resets the dictionary.
func lzma2Stored(data []byte) []byte {
	const largest = 1 << 16
	var out []byte
	for control := byte(1); len(data) > 0; control = 2 {
		chunk := data[:min(largest, len(data))]
		data = data[len(chunk):]
		out = append(out, control)
		out = binary.BigEndian.AppendUint16(out, uint16(len(chunk)-1))
		out = append(out, chunk...)
	}
	return append(out, 0)
}

func padded(data []byte) []byte {
	for len(data)%4 != 0 {
		data = append(data, 0)
	}
	return data
}

func withCRC(data []byte) []byte {
	return binary.LittleEndian.AppendUint32(bytes.Clone(data), crc32.ChecksumIEEE(data))
}

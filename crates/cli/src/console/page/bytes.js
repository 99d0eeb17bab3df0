// Bytes as text or as a hex dump.

/**
 * Imported for its effect, before onnxruntime-node, by every module that imports that.
 *
 * From 1.30 on, its native library opens a connection to its maker's collector when the first session is made, and keeps a device
 * identifier and a database of unsent events under ~/.cache/Microsoft. Nothing may leave a hospital but what egress sends. The library
 * reads the switch once, when it starts: github.com/microsoft/onnxruntime pull requests 27379 and 29843 give its two names.
 */
process.env.ORT_DISABLE_TELEMETRY = '1';
process.env.ORT_TELEMETRY_DISABLED = '1';

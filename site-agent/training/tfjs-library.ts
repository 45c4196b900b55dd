import type * as Tfjs from '@tensorflow/tfjs-core';

/** TensorFlow.js's own interface; its native packages export all of it too. */
export type TfjsLibrary = typeof Tfjs;

"""Makes the scikit-learn and TensorFlow files of test/fixtures/exported, and what their makers predict.

    python test/parity/exported-classical.py

scikit-learn 1.9, tensorflow 2.21, onnx 1.23. The converters skl2onnx and tf2onnx are not used: the files are put together here
with the onnx package, from fitted models, in the node patterns these converters write (LinearClassifier, Normalizer and a label
branch; MatMul, Add and 1 - p beside p; Transpose around Conv and NHWC inputs).
"""

import json
import os
import warnings

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
warnings.filterwarnings("ignore")
FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fixtures", "exported")
rng = np.random.default_rng(3)
result = {}


def save(name, nodes, tensors, inputs, outputs, classical=False):
    graph = helper.make_graph(nodes, name, inputs, outputs, [numpy_helper.from_array(v, k) for k, v in tensors.items()])
    sets = [helper.make_opsetid("", 17)] + ([helper.make_opsetid("ai.onnx.ml", 3)] if classical else [])
    model = helper.make_model(graph, opset_imports=sets, ir_version=8, producer_name="by hand, as skl2onnx and tf2onnx")
    onnx.checker.check_model(model)
    onnx.save(model, os.path.join(FOLDER, f"{name}.onnx"))


def rows_of(name, shape, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, [None, *shape])


def scikit():
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.neural_network import MLPClassifier

    x = rng.normal(size=(200, 18)).astype(np.float32)
    score = x @ rng.normal(size=18)
    label = lambda: helper.make_tensor_value_info("output_label", TensorProto.INT64, [None])

    def linear(name, model, transform, coefficients, intercepts, classes):
        nodes = [
            helper.make_node(
                "LinearClassifier", ["X"], ["label", "probability_tensor"], domain="ai.onnx.ml",
                classlabels_ints=list(range(classes)), coefficients=coefficients.ravel().tolist(),
                intercepts=intercepts.tolist(), multi_class=1, post_transform=transform,
            ),
            helper.make_node("Normalizer", ["probability_tensor"], ["probabilities"], domain="ai.onnx.ml", norm="L1"),
            helper.make_node("Cast", ["label"], ["output_label"], to=TensorProto.INT64),
        ]
        save(name, nodes, {}, [rows_of("X", [18])], [label(), rows_of("probabilities", [classes])], classical=True)
        result[name] = {"x": x[:5].round(6).tolist(), "probability": model.predict_proba(x[:5]).tolist()}

    binary = LogisticRegression().fit(x, score > 0)
    linear("sklearn-logistic", binary, "LOGISTIC", np.vstack([-binary.coef_, binary.coef_]),
           np.concatenate([-binary.intercept_, binary.intercept_]), 2)
    three = LogisticRegression().fit(x, np.digitize(score, [-2, 2]))
    linear("sklearn-multinomial", three, "SOFTMAX", three.coef_, three.intercept_, 3)

    line = LinearRegression().fit(x, score)
    node = helper.make_node("LinearRegressor", ["X"], ["variable"], domain="ai.onnx.ml", coefficients=line.coef_.tolist(),
                            intercepts=[float(line.intercept_)])
    save("sklearn-linear", [node], {}, [rows_of("X", [18])], [rows_of("variable", [1])], classical=True)
    result["sklearn-linear"] = {"x": x[:5].round(6).tolist(), "prediction": line.predict(x[:5]).tolist()}

    net = MLPClassifier((8,), max_iter=60, random_state=1).fit(x, score > 0)
    tensors = {
        "coefficient": net.coefs_[0].astype(np.float32), "intercepts": net.intercepts_[0].astype(np.float32)[None],
        "coefficient1": net.coefs_[1].astype(np.float32), "intercepts1": net.intercepts_[1].astype(np.float32)[None],
        "unity": np.array([1], np.float32), "classes": np.array([0, 1], np.int64), "shape_tensor": np.array([-1], np.int64),
    }
    nodes = [
        helper.make_node("Cast", ["X"], ["cast_input"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["cast_input", "coefficient"], ["mul_result"]),
        helper.make_node("Add", ["mul_result", "intercepts"], ["add_result"]),
        helper.make_node("Relu", ["add_result"], ["next_activations"]),
        helper.make_node("MatMul", ["next_activations", "coefficient1"], ["mul_result1"]),
        helper.make_node("Add", ["mul_result1", "intercepts1"], ["add_result1"]),
        helper.make_node("Sigmoid", ["add_result1"], ["out_activations_result"]),
        helper.make_node("Sub", ["unity", "out_activations_result"], ["negative_class_proba"]),
        helper.make_node("Concat", ["negative_class_proba", "out_activations_result"], ["probabilities"], axis=1),
        helper.make_node("ArgMax", ["probabilities"], ["argmax_output"], axis=1),
        helper.make_node("ArrayFeatureExtractor", ["classes", "argmax_output"], ["extracted"], domain="ai.onnx.ml"),
        helper.make_node("Reshape", ["extracted", "shape_tensor"], ["output_label"]),
    ]
    save("sklearn-mlp", nodes, tensors, [rows_of("X", [18])], [label(), rows_of("probabilities", [2])], classical=True)
    result["sklearn-mlp"] = {"x": x[:5].round(6).tolist(), "probability": net.predict_proba(x[:5]).tolist()}


def tensorflow():
    import tensorflow as tf

    tf.keras.utils.set_random_seed(5)
    net = tf.keras.Sequential([
        tf.keras.Input((8, 8, 1)),
        tf.keras.layers.Conv2D(4, 3, padding="same", activation="relu"),
        tf.keras.layers.MaxPooling2D(2),
        tf.keras.layers.Conv2D(6, 3, strides=2, padding="same", activation="relu"),
        tf.keras.layers.Flatten(),
        tf.keras.layers.Dense(3, activation="softmax"),
    ])
    k1, b1, k2, b2, k3, b3 = net.get_weights()
    b1, b2, b3 = (rng.normal(size=b.shape).astype(np.float32) * 0.1 for b in (b1, b2, b3))
    net.set_weights([k1, b1, k2, b2, k3, b3])
    root = "StatefulPartitionedCall/sequential"
    tensors = {
        f"{root}/conv2d/Conv2D/ReadVariableOp:0": k1.transpose(3, 2, 0, 1).copy(),
        f"{root}/conv2d/BiasAdd/ReadVariableOp:0": b1,
        f"{root}/conv2d_1/Conv2D/ReadVariableOp:0": k2.transpose(3, 2, 0, 1).copy(),
        f"{root}/conv2d_1/BiasAdd/ReadVariableOp:0": b2,
        f"{root}/dense/MatMul/ReadVariableOp:0": k3,
        f"{root}/dense/BiasAdd/ReadVariableOp:0": b3,
        "const_fold_opt__30": np.array([-1, 24], np.int64),
    }
    names = list(tensors)
    nodes = [
        helper.make_node("Transpose", ["input_1"], ["t__6"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["t__6", names[0], names[1]], ["c1"], auto_pad="SAME_UPPER", strides=[1, 1],
                         kernel_shape=[3, 3], dilations=[1, 1], group=1),
        helper.make_node("Relu", ["c1"], ["r1"]),
        helper.make_node("MaxPool", ["r1"], ["p1"], kernel_shape=[2, 2], strides=[2, 2], auto_pad="VALID"),
        helper.make_node("Conv", ["p1", names[2], names[3]], ["c2"], auto_pad="SAME_UPPER", strides=[2, 2],
                         kernel_shape=[3, 3], dilations=[1, 1], group=1),
        helper.make_node("Relu", ["c2"], ["r2"]),
        helper.make_node("Transpose", ["r2"], ["t__28"], perm=[0, 2, 3, 1]),
        helper.make_node("Reshape", ["t__28", names[6]], ["flat"]),
        helper.make_node("MatMul", ["flat", names[4]], ["m"]),
        helper.make_node("Add", ["m", names[5]], ["a"]),
        helper.make_node("Softmax", ["a"], ["dense"]),
    ]
    save("tensorflow-cnn", nodes, tensors, [rows_of("input_1", [8, 8, 1])], [rows_of("dense", [3])])
    x = rng.normal(size=(3, 8, 8, 1)).astype(np.float32).round(4)
    result["tensorflow-cnn"] = {
        # As Wardround lays images: [rows, channels, height, width].
        "x": x.transpose(0, 3, 1, 2).reshape(3, -1).astype(float).round(4).tolist(),
        "probability": net.predict(x, verbose=0).astype(float).tolist(),
    }


scikit()
tensorflow()
with open(os.path.join(FOLDER, "classical.json"), "w") as file:
    json.dump(result, file)
    file.write("\n")

"""The engine: everything that runs a Keras model.

Importing this package loads TensorFlow (3 to 15 s), once and quietly, with the number
of threads that its work was measured with.
"""

import contextlib
import gc
import os
import sys
from collections.abc import Iterator

from workbench.core.errors import UserError

# More threads within an operation gained nothing on the models of this workbench. A
# second operation at a time fills what convolutions leave idle: a step of retraining
# takes a tenth less, and the kernel's event loop is no later.
INTRA_OP_THREADS = 2
INTER_OP_THREADS = 2


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Send what native code writes to file descriptor 2 nowhere.

    TensorFlow writes there before its own log level counts, and Jupyter shows it as a
    red box.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(nowhere)
        os.close(kept)


def _start() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    # TensorFlow turns them on by itself on some processors only; on the others a step
    # of retraining takes a third less with them.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    with silence():
        import keras
        import tensorflow as tf

        # A context that already runs belongs to the user; it keeps its threads.
        with contextlib.suppress(RuntimeError):
            tf.config.threading.set_intra_op_parallelism_threads(INTRA_OP_THREADS)
            tf.config.threading.set_inter_op_parallelism_threads(INTER_OP_THREADS)
        # The first operation writes its own lines about the processor.
        tf.zeros(())
    # What TensorFlow and Keras are made of stays: the collector need not go through its
    # million objects, for which all threads, the event loop's too, would stand still.
    gc.collect()
    gc.freeze()
    # It waits for a quarter more than the last time it looked through everything; that
    # time counts without the million.
    gc.collect()
    if keras.backend.backend() != "tensorflow":
        raise UserError("open.backend", received=keras.backend.backend())


_start()

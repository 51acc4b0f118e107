"""Which network a checkpoint is of: the project's ResNet18, or a teacher, which is made of dlib's face recognition."""
from pathlib import Path

from indexes.command_line import InputError
from indexes.weights import find_weights, load_network
from resnet_tsm import ResNetTSM, fill, load_checkpoint
from training.face_network import SMALLEST, FaceNetwork, face_network


def network_for(state):
    """A network, with random weights, of the kind that the parameters `state` are of."""
    return FaceNetwork() if isinstance(state, dict) and "blocks.0.conv1.weight" in state else ResNetTSM()


def load(weights, root=Path("."), trained=False, img_sz=None, faces=None):
    """The network of a checkpoint, or what training starts from; as `load_network`, but it takes a teacher as well.

    Args:
        weights: as of `load_network`, or "dlib" to make a teacher of dlib's face recognition.
        trained: refuse what knows no emotion yet.
        faces: a function that returns faces to be trained on, float (N, 3, H, W), for "dlib".

    Raises:
        InputError: no such checkpoint, a damaged one, one of another network, or too small an `img_sz`.
    """
    if weights == "dlib" and not trained:
        net = _of_size(FaceNetwork(), img_sz)
        return _of_size(face_network(faces()), net.img_sz)
    if weights in ("none", "imagenet"):
        return load_network(weights, root, trained, img_sz)
    path = find_weights(weights, root)
    try:
        checkpoint = load_checkpoint(path)
        net = network_for(checkpoint.get("net") if isinstance(checkpoint, dict) else None)
        if isinstance(net, FaceNetwork):
            fill(net, checkpoint, path)
            return _of_size(net, img_sz)
    except (FileNotFoundError, ValueError) as error:
        raise InputError(str(error)) from None
    return load_network(weights, root, trained, img_sz)


def _of_size(net, img_sz):
    net.img_sz = img_sz or net.img_sz or 224
    if net.img_sz < SMALLEST:
        raise InputError(f"--img-sz {net.img_sz}: dlib's network needs {SMALLEST} px at least")
    return net

"""The evaluator: a small convolutional network that names the emoji in a picture, and gives features."""

from torch import nn


def block(inputs, outputs, stride):
    return [nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]


class Evaluator(nn.Module):
    """`image` [B,3,128,128] in [−1,1] → `features` [B,128] and logits: `first`, `second`, `count`, `ground`.

    `first` and `second` are the emoji on the left and on the right, the same one where a picture has one kind.
    """

    def __init__(self, emoji, grounds):
        super().__init__()
        self.body = nn.Sequential(
            nn.AvgPool2d(2), *block(3, 32, 2), *block(32, 64, 2), *block(64, 128, 2), *block(128, 192, 1),
            nn.AvgPool2d(4), nn.Flatten(),
        )
        self.features = nn.Sequential(nn.Linear(192 * 4, 128), nn.ReLU())
        self.first = nn.Linear(128, emoji)
        self.second = nn.Linear(128, emoji)
        self.count = nn.Linear(128, 4)
        self.ground = nn.Linear(128, grounds)

    def forward(self, image):
        features = self.features(self.body(image))
        return features, self.first(features), self.second(features), self.count(features), self.ground(features)

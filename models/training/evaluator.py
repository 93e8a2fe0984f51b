"""The evaluator: a small convolutional network that names kind and colour and gives features."""

from torch import nn


def block(inputs, outputs, stride):
    return [
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    ]


class Evaluator(nn.Module):
    """`image` [B,3,32,32] in [−1,1] → `features` [B,128], `kind` [B,10] and `color` [B,11] logits."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            *block(3, 32, 1),
            *block(32, 64, 2),
            *block(64, 128, 2),
            *block(128, 128, 1),
            nn.AvgPool2d(8),
            nn.Flatten(),
        )
        self.features = nn.Sequential(nn.Linear(128, 128), nn.ReLU())
        self.kind = nn.Linear(128, 10)
        self.color = nn.Linear(128, 11)

    def forward(self, image):
        features = self.features(self.body(image))
        return features, self.kind(features), self.color(features)

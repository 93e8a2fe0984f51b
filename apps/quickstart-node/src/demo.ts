console.log('The demo optimizes models/fashion-sd, generates with the bundle, and prints what that gained.');

"""What the model answered (`store`), judged by windows (`watch`): drift, quality, performance, and who is told."""

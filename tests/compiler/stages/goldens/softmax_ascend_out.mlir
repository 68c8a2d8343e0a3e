module {
  func.func @softmax_kernel(%arg0: tensor<8x96xf16>) -> (tensor<8x96xf16>) attributes {
    mindspore_kernel,
    process = "cpu",
    arch = "ascend910b2",
    hacc.entry,
    hacc.function_kind = #hacc.function_kind<DEVICE>,
    hfusion.fusion_kind = #hfusion.fusion_kind<ANY_PBR>
  } {
    %0 = tensor.empty() : tensor<8x96xf32>
    %1 = hfusion.cast {round_mode = #hfusion.round_mode<rint>} ins(%arg0 : tensor<8x96xf16>) outs(%0 : tensor<8x96xf32>) -> tensor<8x96xf32>
    %2 = arith.constant 0xFF800000 : f32
    %3 = tensor.empty() : tensor<8xf32>
    %4 = linalg.fill ins(%2 : f32) outs(%3 : tensor<8xf32>) -> tensor<8xf32>
    %5 = linalg.reduce { arith.maximumf } ins(%1 : tensor<8x96xf32>) outs(%4 : tensor<8xf32>) dimensions = [1]
    %6 = tensor.empty() : tensor<8xf16>
    %7 = hfusion.cast {round_mode = #hfusion.round_mode<rint>} ins(%5 : tensor<8xf32>) outs(%6 : tensor<8xf16>) -> tensor<8xf16>
    %8 = tensor.expand_shape %7 [[0, 1]] output_shape [8, 1] : tensor<8xf16> into tensor<8x1xf16>
    %9 = tensor.collapse_shape %8 [[0, 1]] : tensor<8x1xf16> into tensor<8xf16>
    %10 = tensor.empty() : tensor<8x96xf16>
    %11 = linalg.broadcast ins(%9 : tensor<8xf16>) outs(%10 : tensor<8x96xf16>) dimensions = [1]
    %12 = tensor.empty() : tensor<8x96xf16>
    %13 = linalg.elemwise_binary {fun = #linalg.binary_fn<sub>} ins(%arg0, %11 : tensor<8x96xf16>, tensor<8x96xf16>) outs(%12 : tensor<8x96xf16>) -> tensor<8x96xf16>
    %14 = tensor.empty() : tensor<8x96xf16>
    %15 = linalg.elemwise_unary {fun = #linalg.unary_fn<exp>} ins(%13 : tensor<8x96xf16>) outs(%14 : tensor<8x96xf16>) -> tensor<8x96xf16>
    %16 = tensor.empty() : tensor<8x96xf32>
    %17 = hfusion.cast {round_mode = #hfusion.round_mode<rint>} ins(%15 : tensor<8x96xf16>) outs(%16 : tensor<8x96xf32>) -> tensor<8x96xf32>
    %18 = arith.constant 0.0 : f32
    %19 = tensor.empty() : tensor<8xf32>
    %20 = linalg.fill ins(%18 : f32) outs(%19 : tensor<8xf32>) -> tensor<8xf32>
    %21 = linalg.reduce { arith.addf } ins(%17 : tensor<8x96xf32>) outs(%20 : tensor<8xf32>) dimensions = [1]
    %22 = tensor.empty() : tensor<8xf16>
    %23 = hfusion.cast {round_mode = #hfusion.round_mode<rint>} ins(%21 : tensor<8xf32>) outs(%22 : tensor<8xf16>) -> tensor<8xf16>
    %24 = tensor.expand_shape %23 [[0, 1]] output_shape [8, 1] : tensor<8xf16> into tensor<8x1xf16>
    %25 = tensor.collapse_shape %24 [[0, 1]] : tensor<8x1xf16> into tensor<8xf16>
    %26 = tensor.empty() : tensor<8x96xf16>
    %27 = linalg.broadcast ins(%25 : tensor<8xf16>) outs(%26 : tensor<8x96xf16>) dimensions = [1]
    %28 = tensor.empty() : tensor<8x96xf16>
    %29 = linalg.elemwise_binary {fun = #linalg.binary_fn<div>} ins(%15, %27 : tensor<8x96xf16>, tensor<8x96xf16>) outs(%28 : tensor<8x96xf16>) -> tensor<8x96xf16>
    return %29 : tensor<8x96xf16>
  }
}
